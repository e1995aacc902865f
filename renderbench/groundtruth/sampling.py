"""How many samples a view takes: as many as its noise floor asks for."""

from __future__ import annotations

import math

from renderbench.cameras import Camera
from renderbench.config import RendererSettings
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.renderer import Renderer, RenderPass, combined

_FIRST_HALF_SAMPLES = 16
# Later passes grow by at most this: an estimate from few samples is itself noisy.
_MOST_GROWTH = 8


def render_view(renderer: Renderer, camera: Camera, settings: RendererSettings, *, seed: int) -> RenderPass:
    """Sample a view until its own estimate of its noise floor reaches the settings' floor.

    Noise power falls at least as fast as one over the number of samples, so each pass asks for what is
    still missing by that rule. The result is a function of medium, settings, camera and seed: passes are
    decided by the image alone, never by the clock.

    Args:
        renderer: with medium and lights loaded.
        camera: where from.
        settings: the floor, or the fixed number of samples.
        seed: of every random number.
    """
    most = (settings.samples_per_pixel or settings.max_samples_per_pixel) // 2
    count = most if settings.samples_per_pixel else min(_FIRST_HALF_SAMPLES, most)
    passes = [renderer.render_pass(camera, seed=seed, first=0, count=count)]
    while True:
        view = combined(passes)
        taken = view.samples // 2
        floor = noise_floor(view.halves)
        if taken >= most or floor is None or floor >= settings.noise_floor_db:
            return view
        missing = taken * (10.0 ** ((settings.noise_floor_db - floor) / 10.0) - 1.0)
        count = min(max(taken // 8, math.ceil(1.05 * missing), 1), _MOST_GROWTH * taken, most - taken)
        passes = [view, renderer.render_pass(camera, seed=seed, first=taken, count=count)]
