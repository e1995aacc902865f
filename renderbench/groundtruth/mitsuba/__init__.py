"""Mitsuba 3 as a renderer: independent of ours, so that the two can vouch for each other.

Nothing of Mitsuba is imported before a renderer is made.
"""

from renderbench.groundtruth.mitsuba.renderer import MitsubaRenderer, version

__all__ = ["MitsubaRenderer", "version"]
