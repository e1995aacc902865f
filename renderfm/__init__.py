"""Render-FM, the feed-forward model: from a CT under a transfer function to 6D Gaussians in one pass.

``settings`` says what a model is; ``inputs`` makes what it sees of a scan; ``network`` and ``head`` are its
two halves and ``model`` puts them together; ``windows`` runs it in less memory; ``checkpoint`` keeps it;
``scenes`` makes it a method. ``training`` is what it learns by.
"""
