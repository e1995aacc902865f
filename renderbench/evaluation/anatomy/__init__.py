"""What the test views show, told from the scan's labels: each pixel's group, and anatomical landmarks.

``maps`` marches rays through what the ground truth shows, ``landmarks`` finds points of labelled structures
and where they are seen, ``folder`` keeps both beside the runs of a scan, for every method alike.
"""

from renderbench.evaluation.anatomy.folder import ANATOMY_FOLDER, Anatomy, prepare_anatomy

__all__ = ["ANATOMY_FOLDER", "Anatomy", "prepare_anatomy"]
