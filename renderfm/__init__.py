"""Render-FM, the feed-forward model. Nothing of it is built yet: see docs/architecture.md, "Planned"."""
