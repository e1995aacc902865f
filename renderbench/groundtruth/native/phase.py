"""The Henyey-Greenstein phase function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import helper

_F = np.float32
_TWO_PI = _F(2.0 * math.pi)


@helper
def scattered(u: Any, v: Any, w: Any, g: Any, along: Any, around: Any) -> tuple[Any, Any, Any]:
    """A unit direction drawn from the Henyey-Greenstein phase function about (u, v, w)."""
    phi = _TWO_PI * around
    cos_phi, sin_phi = math.cos(phi), math.sin(phi)
    if g == _F(0.0):
        cosine = _F(1.0) - _F(2.0) * along
        sine = math.sqrt(max(_F(0.0), _F(1.0) - cosine * cosine))
        return sine * cos_phi, sine * sin_phi, cosine
    ratio = (_F(1.0) - g * g) / (_F(1.0) - g + _F(2.0) * g * along)
    cosine = (_F(1.0) + g * g - ratio * ratio) / (_F(2.0) * g)
    cosine = min(max(cosine, _F(-1.0)), _F(1.0))
    sine = math.sqrt(_F(1.0) - cosine * cosine)
    # An orthonormal basis around the direction, without branches at the poles (Duff et al. 2017).
    sign = _F(1.0) if w >= _F(0.0) else _F(-1.0)
    a = _F(-1.0) / (sign + w)
    b = u * v * a
    p, q = sine * cos_phi, sine * sin_phi
    return (
        p * (_F(1.0) + sign * u * u * a) + q * b + cosine * u,
        p * sign * b + q * (sign + v * v * a) + cosine * v,
        -p * sign * u - q * v + cosine * w,
    )
