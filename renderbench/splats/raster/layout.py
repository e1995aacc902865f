"""What the kernels hand to each other, and in which columns."""

TILE = 16
"""Side of a tile, px."""

RECORD = 16
"""Floats in the record of a projected Gaussian: one cache line."""

# Columns of a record. With (dx, dy) = pixel - mean, u = WHITEN_XX dx + WHITEN_XY dy and v = WHITEN_YY dy,
# log2 alpha = LOG2_OPACITY - u² - v². The expanded quadratic form would cancel along a needle.
MEAN_X, MEAN_Y, WHITEN_XX, WHITEN_XY, WHITEN_YY, LOG2_OPACITY, RED, GREEN, BLUE = range(9)
# Columns of the same record seen as int32: pixels that may pass the alpha threshold, end excluded.
LEFT, TOP, RIGHT, BOTTOM = range(9, 13)
# Of the sliced mean, along the optical axis, mm.
DEPTH = 13

# Columns of the sums over the pixels of a pair of tile and Gaussian, where s = alpha dL/d(alpha): s, s u,
# s v, s u², s u v, s v², T alpha dL/d(rgb), and, in a rendering with depth, T alpha dL/d(sum of T alpha Z).
SUM_S, SUM_U, SUM_V, SUM_UU, SUM_UV, SUM_VV, SUM_RED, SUM_GREEN, SUM_BLUE, SUM_DEPTH = range(10)
SUMS = 9
"""Sums without the depth's."""
