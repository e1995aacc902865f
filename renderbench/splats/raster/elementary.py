"""Elementary functions of ``float8``: a polynomial on a small interval and exact powers of two.

Not a number goes in and comes out.
"""

from __future__ import annotations

import math
from typing import Any

from renderbench.splats.raster.jit import helper
from renderbench.splats.raster.vector import fma, power_of_two, where

# Adding 1.5 * 2^23 to a float32 rounds it to a whole number, and leaves that in the low bits.
_ROUND = 12582912.0
_LOG2_E = 1.0 / math.log(2.0)
# ln 2 in two parts: k times the first is exact for every exponent k.
_LN2_HIGH = 0.693145751953125
_LN2_LOW = math.log(2.0) - _LN2_HIGH


@helper
def exp2(x: Any) -> Any:
    """2^x for x in [-126, 127], to 2.2e-7 relative; anything outside."""
    shifted = x + _ROUND
    f = x - (shifted - _ROUND)
    p = fma(f, 1.3276472454890609e-3, 9.675541892647743e-3)
    p = fma(f, p, 5.550713092088699e-2)
    p = fma(f, p, 2.4022120237350464e-1)
    p = fma(f, p, 6.931469440460205e-1)
    return fma(f, p, 1.0000001192092896) * power_of_two(shifted)


@helper
def exp(x: Any) -> Any:
    """e^x to 1.2e-7 relative; x is clamped to [-87, 88]."""
    x = where(x > 88.0, 88.0, where(x < -87.0, -87.0, x))
    shifted = fma(x, _LOG2_E, _ROUND)
    k = shifted - _ROUND
    r = fma(-k, _LN2_LOW, fma(-k, _LN2_HIGH, x))
    p = fma(r, 1.383683760650456e-3, 8.374822326004505e-3)
    p = fma(r, p, 4.166822507977486e-2)
    p = fma(r, p, 1.6666419804096222e-1)
    p = fma(r, p, 4.999999105930328e-1)
    p = fma(r, p, 1.0)
    return fma(r, p, 1.0) * power_of_two(shifted)


@helper
def log_sigmoid(x: Any) -> Any:
    """(ln sigmoid(x), sigmoid(-x)), the second being the derivative of the first."""
    negative = x < 0.0
    e = exp(where(negative, x, -x))
    # ln(1 + e) = 2 artanh(e / (2 + e)), with 1 + e in [1, 2]
    s = e / (2.0 + e)
    s2 = s * s
    p = fma(s2, 2.0 / 11.0, 2.0 / 9.0)
    p = fma(s2, p, 2.0 / 7.0)
    p = fma(s2, p, 2.0 / 5.0)
    p = fma(s2, p, 2.0 / 3.0)
    softplus = s * fma(s2, p, 2.0)
    inverse = 1.0 / (1.0 + e)
    return where(negative, x, 0.0) - softplus, where(negative, inverse, e * inverse)


@helper
def tanh_half(x: Any) -> Any:
    """(tanh(x / 2), its derivative with respect to x)."""
    e = exp(-x)
    inverse = 1.0 / (1.0 + e)
    return (1.0 - e) * inverse, 2.0 * (e * inverse) * inverse
