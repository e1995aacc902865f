"""Malformed raw data: what a hospital, a broken disk or an adversary hands to stage 1."""
