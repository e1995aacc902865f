"""Eight floats at once: a numba type for LLVM's ``<8 x float>``.

Numba does not vectorise the kernels by itself. ``float8`` values exist only inside compiled code; they
take +, -, *, / and comparisons, with each other and with scalars, which are broadcast. LLVM maps them to
whatever the machine has: one AVX register, or two of SSE or NEON. Comparisons give masks, for
:func:`where` and :func:`any_lane`. The elementary functions on top are in ``elementary``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from renderbench.jit import intrinsic

LANES = 8

_LANE = ir.FloatType()
_BITS = ir.IntType(32)
_VECTOR = ir.VectorType(_LANE, LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
# As for numba's own arithmetic: fused multiply-adds, and nothing else that changes a result.
_FLAGS = ("contract",)


class Float8(types.Type):
    """Eight float32."""

    def __init__(self) -> None:
        super().__init__(name="Float8")


class Mask8(types.Type):
    """Eight booleans."""

    def __init__(self) -> None:
        super().__init__(name="Mask8")


float8, mask8 = Float8(), Mask8()


@register_model(Float8)
class _Float8Model(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


@register_model(Mask8)
class _Mask8Model(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _MASK)


def _define_operator(function: Callable[..., Any], result: types.Type, emit: Callable[..., Any]) -> None:
    """Give float8 a binary operator; either side may be a scalar."""

    class Template(AbstractTemplate):
        key = function

        def generic(self, arguments: Any, keywords: Any) -> Any:
            vectors = [argument == float8 for argument in arguments]
            if any(vectors) and all(
                vector or isinstance(argument, types.Number)
                for vector, argument in zip(vectors, arguments, strict=True)
            ):
                return signature(result, *arguments)
            return None

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return emit(
            builder, *(_as_vector(context, builder, *pair) for pair in zip(sig.args, arguments, strict=True))
        )

    infer_global(function)(Template)
    for left, right in ((Float8, Float8), (Float8, types.Number), (types.Number, Float8)):
        lower_builtin(function, left, right)(generate)


def _define_unary_minus() -> None:
    class Template(AbstractTemplate):
        key = operator.neg

        def generic(self, arguments: Any, keywords: Any) -> Any:
            return signature(float8, float8) if arguments == (float8,) else None

    infer_global(operator.neg)(Template)
    lower_builtin(operator.neg, Float8)(lambda context, builder, sig, arguments: builder.fneg(arguments[0]))


def _define_mask_and() -> None:
    class Template(AbstractTemplate):
        key = operator.and_

        def generic(self, arguments: Any, keywords: Any) -> Any:
            return signature(mask8, mask8, mask8) if arguments == (mask8, mask8) else None

    infer_global(operator.and_)(Template)
    lower_builtin(operator.and_, Mask8, Mask8)(
        lambda context, builder, sig, arguments: builder.and_(*arguments)
    )


_define_operator(operator.add, float8, lambda builder, a, b: builder.fadd(a, b, flags=_FLAGS))
_define_operator(operator.sub, float8, lambda builder, a, b: builder.fsub(a, b, flags=_FLAGS))
_define_operator(operator.mul, float8, lambda builder, a, b: builder.fmul(a, b, flags=_FLAGS))
_define_operator(operator.truediv, float8, lambda builder, a, b: builder.fdiv(a, b, flags=_FLAGS))
# Ordered comparisons: false where either side is not a number.
_define_operator(operator.lt, mask8, lambda builder, a, b: builder.fcmp_ordered("<", a, b))
_define_operator(operator.gt, mask8, lambda builder, a, b: builder.fcmp_ordered(">", a, b))
_define_operator(operator.ge, mask8, lambda builder, a, b: builder.fcmp_ordered(">=", a, b))
_define_unary_minus()
_define_mask_and()


@intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """A scalar in every lane."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return _as_vector(context, builder, sig.args[0], arguments[0])

    return float8(value), generate


@intrinsic
def lanes(typing_context: Any) -> Any:
    """0, 1, ... 7."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return ir.Constant(_VECTOR, [float(lane) for lane in range(LANES)])

    return float8(), generate


@intrinsic
def load(typing_context: Any, array: Any, first: Any) -> Any:
    """``array[first:first + 8]`` of a contiguous float32 array, seen as flat."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, sig, arguments), align=4)

    return float8(array, types.intp), generate


@intrinsic
def store(typing_context: Any, array: Any, first: Any, value: Any) -> Any:
    """``array[first:first + 8] = value``, for a contiguous float32 array, seen as flat."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, sig, arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, float8), generate


@intrinsic
def prefetch(typing_context: Any, array: Any, place: Any) -> Any:
    """Ask for the cache line of ``array[place]``, seen as flat, before it is read."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, arguments[0]).data
        pointer = ir.IntType(8).as_pointer()
        address = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        kind = ir.FunctionType(ir.VoidType(), [pointer, _BITS, _BITS, _BITS])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # To read (0), into all caches (3), as data (1).
        builder.call(function, [address, _BITS(0), _BITS(3), _BITS(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@intrinsic
def gather(typing_context: Any, array: Any, first: Any, last: Any, width: Any, column: Any) -> Any:
    """``column`` of rows ``first`` to ``first + 7`` of a contiguous float32 array with rows of ``width``.

    Rows past ``last`` repeat it.
    """

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, arguments[0]).data
        vector = ir.Constant(_VECTOR, ir.Undefined)
        for lane, place in enumerate(_rows(builder, *arguments[1:])):
            value = builder.load(builder.gep(data, [place]), align=4)
            vector = builder.insert_element(vector, value, ir.Constant(_BITS, lane))
        return vector

    return float8(array, types.intp, types.intp, types.intp, types.intp), generate


@intrinsic
def scatter(
    typing_context: Any, array: Any, first: Any, last: Any, width: Any, column: Any, value: Any
) -> Any:
    """Write ``column`` of rows ``first`` to ``first + 7``, as :func:`gather` reads it.

    Lanes past ``last`` write to it too: they must hold the same value.
    """

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, arguments[0]).data
        for lane, place in enumerate(_rows(builder, *arguments[1:5])):
            builder.store(
                builder.extract_element(arguments[5], ir.Constant(_BITS, lane)),
                builder.gep(data, [place]),
                align=4,
            )
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, types.intp, types.intp, float8), generate


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, fused wherever the machine can, so that every kernel rounds it alike."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        vectors = [_as_vector(context, builder, *pair) for pair in zip(sig.args, arguments, strict=True)]
        return _call(builder, "fmuladd", *vectors)

    return float8(a, b, c), generate


@intrinsic
def root(typing_context: Any, value: Any) -> Any:
    """The square root."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        return _call(builder, "sqrt", arguments[0])

    return float8(float8), generate


@intrinsic
def where(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """``a`` where the mask is set, else ``b``."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        a, b = (_as_vector(context, builder, *pair) for pair in zip(sig.args[1:], arguments[1:], strict=True))
        return builder.select(arguments[0], a, b)

    return float8(mask8, a, b), generate


@intrinsic
def any_lane(typing_context: Any, mask: Any) -> Any:
    """Whether any lane of the mask is set."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(mask8), generate


@intrinsic
def power_of_two(typing_context: Any, shifted: Any) -> Any:
    """2^k, where ``shifted`` is k + 1.5 * 2^23 and k is whole, from -126 to 127."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        bits = ir.VectorType(_BITS, LANES)
        # The low bits of `shifted` are k; the shift to the exponent drops all others.
        whole = builder.bitcast(arguments[0], bits)
        biased = builder.add(whole, ir.Constant(bits, [127] * LANES))
        return builder.bitcast(builder.shl(biased, ir.Constant(bits, [23] * LANES)), _VECTOR)

    return float8(float8), generate


@intrinsic
def pairwise_sum(typing_context: Any, a: Any, b: Any) -> Any:
    """Sums of neighbouring lanes: a0 + a1, a2 + a3, a4 + a5, a6 + a7, b0 + b1, ... b6 + b7."""

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        a, b = arguments
        even = _shuffle(builder, a, b, list(range(0, 2 * LANES, 2)))
        odd = _shuffle(builder, a, b, list(range(1, 2 * LANES, 2)))
        return builder.fadd(even, odd)

    return float8(float8, float8), generate


def _as_vector(context: Any, builder: Any, numba_type: Any, value: Any) -> Any:
    if isinstance(numba_type, Float8):
        return value
    lane = context.cast(builder, value, numba_type, types.float32)
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), lane, ir.Constant(_BITS, 0))
    return _shuffle(builder, first, first, [0] * LANES)


def _rows(builder: Any, first: Any, last: Any, width: Any, column: Any) -> list[Any]:
    """The flat places of ``column`` in eight rows, none past ``last``."""
    places = []
    for lane in range(LANES):
        row = builder.add(first, ir.Constant(first.type, lane))
        row = builder.select(builder.icmp_signed("<", row, last), row, last)
        places.append(builder.add(builder.mul(row, width), column))
    return places


def _shuffle(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_BITS, LANES), order))


def _call(builder: Any, name: str, *vectors: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(vectors))
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f32")
    return builder.call(function, vectors)


def _address(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    array = cgutils.create_struct_proxy(sig.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), _VECTOR.as_pointer())
