"""Small Gaussians and tasks for tests of the baselines."""

from types import SimpleNamespace

import numpy as np
import torch

from baselines.drawing import draw
from renderbench.cameras import sphere_cameras
from renderbench.config import MediumSettings
from renderbench.methods import ShownViews, Task
from renderbench.scans.groups import select_groups
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings
from renderbench.splats.sh import sh_from_rgb


def ball(count: int = 60, seed: int = 0) -> Gaussians6D:
    """Coloured Gaussians within 30 mm of the origin."""
    generator = torch.Generator().manual_seed(seed)
    diagonal = torch.zeros(count, 6)
    diagonal[:, :3] = np.log(6.0)
    diagonal[:, 3:] = np.log(3.0)
    return Gaussians6D(
        means_mm=15.0 * torch.randn(count, 3, generator=generator),
        directions=torch.zeros(count, 3),
        log_diagonal=diagonal,
        off_diagonal=torch.zeros(count, 15),
        opacity_logit=torch.full((count,), 1.0),
        sh=sh_from_rgb(torch.rand(count, 3, generator=generator)),
        labels=(1 + torch.arange(count) % 11).to(torch.uint8),
    )


class FakeViews:
    """What the fitting loop uses of a ViewSet: images of known Gaussians."""

    def __init__(
        self, gaussians: Gaussians6D, count: int, seed: int, resolution: int = 40, groups: str = "all"
    ) -> None:
        self.path = f"views-of-{groups}"
        self.cameras = sphere_cameras(
            count,
            center_mm=(0, 0, 0),
            radius_mm=50,
            resolution=resolution,
            fov_deg=40,
            layout="fibonacci",
            seed=seed,
        )
        shown = select_groups(groups)
        with torch.no_grad():
            renders = [
                draw(gaussians, shown, camera, RasterSettings()).rgb.clamp(0, 1) for camera in self.cameras
            ]
        self._images = np.rint(torch.stack(renders).numpy() * 255).astype(np.uint8)

    def images(self) -> np.ndarray:
        return self._images


def task(
    truth: Gaussians6D,
    protocol: str = "heldout",
    fit: int = 6,
    seed: int = 0,
    groups: str = "all",
    fitted: tuple[str, ...] = ("all",),
    **changes: object,
) -> Task:
    """A task whose views show ``truth``: ``fit`` views of each of the selections ``fitted``."""
    return Task(
        scan=SimpleNamespace(name="ball"),
        transfer_function="seen",
        groups=select_groups(groups),
        medium=MediumSettings(),
        fit_views=[
            ShownViews(groups=select_groups(each), views=FakeViews(truth, fit, seed=1, groups=each))
            for each in fitted
        ],
        test_views=FakeViews(truth, 3, seed=2, groups=groups) if protocol == "paper" else None,
        protocol=protocol,
        seed=seed,
        **changes,
    )
