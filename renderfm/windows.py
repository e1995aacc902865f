"""Prediction in the memory at hand: in one pass where that fits, in slabs of slices where it does not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from renderbench.errors import InputError
from renderbench.farm.sizing import free_memory, gib
from renderbench.scans.groups import GroupSelection
from renderbench.splats.gaussians import Gaussians6D
from renderbench.threads import thread_count
from renderfm.inputs import CHANNELS, Inputs
from renderfm.model import ALL, RenderFM
from renderfm.settings import ModelSettings, PredictionSettings
from renderfm.slabs import in_slabs, slabs_of

Window = int | None
"""Slices to a slab; None is the whole volume in one pass."""

_WINDOWS = (128, 64, 32, 16, 8)
_FLOAT = 4
# Values a voxel: RGBA and CT as they are read, and what the prior needs of them.
_READING = 7
# Values a Gaussian: the prior's, the outputs', its own, and what lies between.
_INSTANTIATING = 150
_HELD = 2**30 // 10


def predict(
    model: RenderFM, inputs: Inputs, window: Window = None, selection: GroupSelection = ALL
) -> Gaussians6D:
    """The model's Gaussians, without gradients.

    Args:
        model: in evaluation or training mode, which are the same.
        inputs: on the model's device.
        window: slices that the network works out at once; None takes the whole volume in one pass. Either
            way the Gaussians are the same but for rounding: parameters differ by less than 1e-4 of the
            largest offset that the model adds to any.
        selection: the groups that are to be shown, see :meth:`renderfm.model.RenderFM.instantiate`.
    """
    with torch.no_grad():
        return model.instantiate(foreground_features(model, inputs, window), inputs, selection)


def foreground_features(model: RenderFM, inputs: Inputs, window: Window = None) -> Tensor:
    """(N, C): the network's features at the inputs' blocks; arguments as :func:`predict`."""
    with torch.no_grad(), _all_threads():
        if window is None:
            return model.at_blocks(inputs).contiguous()
        k, j, i = inputs.blocks.unbind(1)
        features = in_slabs(model.network, model.seen(inputs.channels), inputs.visible, window)
        parts, slices = [], k.contiguous()
        for start, stop in slabs_of(features.depth, 2 * window):
            # Blocks ascend in k.
            first, last = torch.searchsorted(slices, torch.tensor([start, stop], device=k.device)).tolist()
            if first < last:
                slab = features.read(start, stop)[0]
                parts.append(slab[:, k[first:last] - start, j[first:last], i[first:last]].T)
        return torch.cat(parts)


def planned_window(
    model: ModelSettings,
    shape: tuple[int, int, int],
    settings: PredictionSettings,
    device: torch.device,
    *,
    subject: str,
) -> Window:
    """The window that settings and memory allow.

    Args:
        model: what is to predict.
        shape: (D, H, W) of the scan.
        settings: of the prediction.
        device: where the network is.
        subject: what an error is about: the scan's name.

    Raises:
        InputError: what was asked for does not fit, or not even the smallest window does.
    """
    free = free_bytes(device) if settings.memory_gib is None else int(settings.memory_gib * 2**30)
    fitting = [each for each in (None, *_WINDOWS) if needed_bytes(model, shape, each) <= free]
    wanted: Window
    if settings.window == "auto":
        wanted = fitting[0] if fitting else _WINDOWS[-1]
    else:
        wanted = None if settings.window == "whole" else settings.window
    need = needed_bytes(model, shape, wanted)
    if need <= free:
        return wanted
    remedy = "use a machine with more memory, or a smaller model"
    if fitting:
        fits = needed_bytes(model, shape, fitting[0])
        remedy = f"set window to {fitting[0]}, which needs {gib(fits)}, or to 'auto'"
    how = "in one pass" if wanted is None else f"in windows of {wanted} slices"
    raise InputError(
        subject,
        f"expected {gib(need)} of memory for {' × '.join(map(str, shape))} voxels {how}, found {gib(free)}",
        remedy,
    )


def needed_bytes(model: ModelSettings, shape: tuple[int, int, int], window: Window) -> int:
    """What prediction takes at its peak, inputs counted: an upper estimate.

    Live float32 values a voxel, as they follow from the order of the layers and as measured on the CPU. In
    one pass the first stage decides: its two layers and the normalised one, at full resolution. In windows
    it is that in a slab, and two layers of the second stage, which has an eighth of the voxels and twice
    the channels, in whole. One more value a voxel says whether it shows.

    Args:
        model: what is to predict.
        shape: (D, H, W) of the scan.
        window: as :func:`predict` takes it.
    """
    depth, height, width = (size + -size % model.stride for size in shape)
    voxels = depth * height * width
    seen, base = len(model.input_channels), model.channels[0]
    if window is None:
        network = (3 * base + seen + 1) * voxels
    else:
        slab = min(window + 4, depth) * height * width
        network = (math.ceil(1.1 * base) + 1) * voxels + (7 * base + seen) * slab
    # Reading RGBA beside the channels; the prior, features and Gaussians where half of the blocks show.
    around = max(_READING, (model.channels[1] + _INSTANTIATING) // 16) * voxels
    live = _FLOAT * (len(CHANNELS) * voxels + max(network, around))
    # And what torch and the allocator hold on to.
    return math.ceil(1.1 * live) + _HELD


def free_bytes(device: torch.device) -> int:
    """What a device can still give."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()


@contextmanager
def _all_threads() -> Iterator[None]:
    """Torch on all the threads that renderbench may use: convolutions are long, and share them well."""
    threads = torch.get_num_threads()
    torch.set_num_threads(thread_count())
    try:
        yield
    finally:
        torch.set_num_threads(threads)
