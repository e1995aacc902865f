"""What the kernels hand to each other, and in which columns."""

TILE = 16
"""Side of a tile, px."""

RECORD = 16
"""Floats in the record of a projected Gaussian: one cache line."""

# Columns of a record. The conic is scaled so that
# log2 alpha = LOG2_OPACITY + CONIC_XX dx² + CONIC_XY dx dy + CONIC_YY dy².
MEAN_X, MEAN_Y, CONIC_XX, CONIC_XY, CONIC_YY, LOG2_OPACITY, RED, GREEN, BLUE = range(9)
# Columns of the same record seen as int32: pixels that may pass the alpha threshold, end excluded.
LEFT, TOP, RIGHT, BOTTOM = range(9, 13)

# Columns of the sums over the pixels of a pair of tile and Gaussian, where s = alpha dL/d(alpha) and
# (dx, dy) = pixel - mean: s, s dx, s dy, s dx², s dx dy, s dy², and T alpha dL/d(rgb).
SUM_S, SUM_X, SUM_Y, SUM_XX, SUM_XY, SUM_YY, SUM_RED, SUM_GREEN, SUM_BLUE = range(9)
SUMS = 9
