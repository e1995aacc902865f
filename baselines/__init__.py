"""The baselines of the Render-FM paper: the prior alone, 6DGS, and 6DGS begun from the prior."""
