"""Bodies in other colours: red, green and blue change places, exactly, as long as light is white.

No colour takes part in the scattering of another, so under white light the ground truth of a scan whose
transfer function has its colour channels in another order is the image with its channels in that order. A
model that sees one transfer function alone learns its colours by heart; one that sees six shades of it does
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from renderfm.inputs import CHANNELS, Inputs
from renderfm.training.data import View


def recoloured_inputs(inputs: Inputs, order: Sequence[int]) -> Inputs:
    """The inputs under the transfer function of another order: its channel c is channel ``order[c]``."""
    red = CHANNELS.index("red")
    channels = inputs.channels.clone()
    channels[:, red : red + 3] = inputs.channels[:, [red + each for each in order]]
    prior = replace(inputs.prior, sh=inputs.prior.sh[..., list(order)])
    # Red, green and blue that arrive, then those that are scattered.
    columns = [*order, *(3 + each for each in order)]
    light = {name: each[:, columns] for name, each in inputs.light.items()}
    return replace(inputs, channels=channels, prior=prior, light=light)


def recoloured_view(view: View, order: Sequence[int]) -> View:
    """What a view shows then."""
    return replace(view, image=np.ascontiguousarray(view.image[..., list(order)]))
