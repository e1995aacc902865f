"""Submissions: a run as one file, and what proves or refuses it."""
