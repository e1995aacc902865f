"""Render-FM, the feed-forward model."""
