"""Random numbers: a stream a path, and low-discrepancy points for its first decisions.

All follow from (seed, pixel, half, sample), so that an image does not depend on how its rows were shared
among threads.

Integers become float32 by way of int32: from int64 CUDA takes the long way, by float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import helper

_F = np.float32
_U64 = np.uint64
_24_BITS = _F(2.0**-24)
_LOW_32 = _U64(0xFFFFFFFF)

WEYL = _U64(0x9E3779B97F4A7C15)
"""What a stream advances by: odd, and near 2^64 over the golden ratio."""


@helper
def pixel_stream(seed: Any, pixel: int, half: int) -> Any:
    """The stream of one of the two halves of a pixel; its points and paths all come from it."""
    return mixed(mixed(_U64(seed) + WEYL) ^ _U64(pixel * 2 + half))


@helper
def two_uniforms(state: Any) -> tuple[Any, Any, Any]:
    """The next state and two independent float32 in [0, 1)."""
    state += WEYL
    bits = mixed(state)
    high = _F(np.int32(bits >> _U64(40))) * _24_BITS
    low = _F(np.int32((bits >> _U64(8)) & _U64(0xFFFFFF))) * _24_BITS
    return state, high, low


@helper
def mixed(bits: Any) -> Any:
    """The finaliser of SplitMix64: every input bit reaches every output bit."""
    bits = (bits ^ (bits >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> _U64(27))) * _U64(0x94D049BB133111EB)
    return bits ^ (bits >> _U64(31))


@helper
def stratified(index: Any, stream: Any, dimension: Any) -> tuple[Any, Any]:
    """Point ``index`` (below 2^32) of an Owen-scrambled, shuffled Sobol' pair in [0, 1)^2 (Burley 2020).

    The first 2^m points have one in each dyadic box of area 2^-m; pairs of other dimensions and of
    other streams are independent of it. All arguments are uint64: numba widens narrower integers,
    which then no longer wrap around.
    """
    keys = mixed(stream ^ (dimension * WEYL))
    more = mixed(keys + WEYL)
    first = _reversed(_owen(_reversed(index), keys & _LOW_32))
    # The second Sobol' matrix is Pascal's triangle mod 2: a Kronecker power, hence five steps.
    second = first ^ (first >> _U64(16))
    second ^= (second & _U64(0xFF00FF00)) >> _U64(8)
    second ^= (second & _U64(0xF0F0F0F0)) >> _U64(4)
    second ^= (second & _U64(0xCCCCCCCC)) >> _U64(2)
    second ^= (second & _U64(0xAAAAAAAA)) >> _U64(1)
    a = _reversed(_owen(first, keys >> _U64(32)))
    b = _reversed(_owen(second, more & _LOW_32))
    return _F(np.int32(a >> _U64(8))) * _24_BITS, _F(np.int32(b >> _U64(8))) * _24_BITS


@helper
def _owen(bits: Any, key: Any) -> Any:
    """Nested uniform scrambling of a bit-reversed fraction (Laine and Karras, constants by Vegdahl)."""
    bits ^= bits * _U64(0x3D20ADEA)
    bits += key
    bits *= (key >> _U64(16)) | _U64(1)
    bits ^= bits * _U64(0x05526C56)
    bits ^= bits * _U64(0x53A22864)
    # Every step carries upwards only, so that one cut at the end gives 32-bit arithmetic.
    return bits & _LOW_32


@helper
def _reversed(bits: Any) -> Any:
    """The low 32 bits in reverse order."""
    bits = (bits >> _U64(16)) | ((bits << _U64(16)) & _LOW_32)
    bits = ((bits & _U64(0x00FF00FF)) << _U64(8)) | ((bits & _U64(0xFF00FF00)) >> _U64(8))
    bits = ((bits & _U64(0x0F0F0F0F)) << _U64(4)) | ((bits & _U64(0xF0F0F0F0)) >> _U64(4))
    bits = ((bits & _U64(0x33333333)) << _U64(2)) | ((bits & _U64(0xCCCCCCCC)) >> _U64(2))
    return ((bits & _U64(0x55555555)) << _U64(1)) | ((bits & _U64(0xAAAAAAAA)) >> _U64(1))
