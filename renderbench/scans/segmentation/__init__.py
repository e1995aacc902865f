"""Segmentation where masks are missing: TotalSegmentator, in a process of its own, without network."""

from renderbench.scans.segmentation.totalsegmentator import Segmenter, require_segmenter, weights_folder

__all__ = ["Segmenter", "require_segmenter", "weights_folder"]
