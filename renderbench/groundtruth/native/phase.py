"""The Henyey-Greenstein phase function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import helper

_F = np.float32
_TWO_PI = _F(2.0 * math.pi)
_ONE_OVER_FOUR_PI = _F(0.25 / math.pi)
_NEARLY_ISOTROPIC = _F(0.1)


@helper
def scattered(u: Any, v: Any, w: Any, g: Any, along: Any, around: Any) -> tuple[Any, Any, Any]:
    """A unit direction drawn from the phase function about (u, v, w)."""
    phi = _TWO_PI * around
    cos_phi, sin_phi = math.cos(phi), math.sin(phi)
    if g == _F(0.0):
        cosine = _F(1.0) - _F(2.0) * along
        sine = math.sqrt(max(_F(0.0), _F(1.0) - cosine * cosine))
        return sine * cos_phi, sine * sin_phi, cosine
    if abs(g) < _NEARLY_ISOTROPIC:
        # The same, with the division by g done: near 0 that would leave few digits.
        s = _F(2.0) * along - _F(1.0)
        scale = _F(1.0) + g * s
        cosine = s + g * (_F(1.5) + _F(0.5) * s * s) + g * g * (s - _F(0.5) * g * (_F(1.0) - s * s))
        cosine /= scale * scale
    else:
        ratio = (_F(1.0) - g * g) / (_F(1.0) - g + _F(2.0) * g * along)
        cosine = (_F(1.0) + g * g - ratio * ratio) / (_F(2.0) * g)
    cosine = min(max(cosine, _F(-1.0)), _F(1.0))
    sine = math.sqrt(_F(1.0) - cosine * cosine)
    return around_axis(u, v, w, cosine, sine * cos_phi, sine * sin_phi)


@helper
def phase(cosine: Any, g: Any) -> Any:
    """The phase function in 1/sr: of one scattering, and the density of :func:`scattered`."""
    square = _F(1.0) + g * g - _F(2.0) * g * cosine
    return _ONE_OVER_FOUR_PI * (_F(1.0) - g * g) / (square * math.sqrt(square))


@helper
def around_axis(u: Any, v: Any, w: Any, cosine: Any, p: Any, q: Any) -> tuple[Any, Any, Any]:
    """The direction with components (p, q, cosine) in an orthonormal basis whose last axis is (u, v, w)."""
    # Without branches at the poles (Duff et al. 2017).
    sign = _F(1.0) if w >= _F(0.0) else _F(-1.0)
    a = _F(-1.0) / (sign + w)
    b = u * v * a
    return (
        p * (_F(1.0) + sign * u * u * a) + q * b + cosine * u,
        p * sign * b + q * (sign + v * v * a) + cosine * v,
        -p * sign * u - q * v + cosine * w,
    )
