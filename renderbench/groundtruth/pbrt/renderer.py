"""pbrt-v4 as a renderer of view sets."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from renderbench.cameras import Camera
from renderbench.config import RendererSettings
from renderbench.errors import JobError
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt.binary import Pbrt, find_pbrt
from renderbench.groundtruth.pbrt.exposures import developed, exposures, seed_of_half
from renderbench.groundtruth.pbrt.lights import lights_of
from renderbench.groundtruth.pbrt.media import write_medium
from renderbench.groundtruth.pbrt.pfm import read_pfm, write_pfm
from renderbench.groundtruth.pbrt.process import run_pbrt, time_limit
from renderbench.groundtruth.pbrt.scene import VERSION, is_inside
from renderbench.groundtruth.renderer import RenderPass
from renderbench.threads import thread_count


class PbrtRenderer:
    """Renders a medium with an external pbrt-v4.

    pbrt is a spectral renderer: of grey media it makes the native renderer's image; of coloured ones
    nearly, since a colour is a spectrum there (pbrt_scenes/README.md). Each run of the binary loads the
    medium anew, and a pass takes six of them, so that few large passes are faster than many small ones.

    Args:
        medium: what to render.
        settings: lights, depth and phase function.
        binary: which pbrt; by default what :func:`find_pbrt` finds.
        threads: of each run; by default RENDERBENCH_THREADS, else one per core.
        timeout_s: after how many seconds a run is given up; by default :func:`time_limit`.

    Raises:
        InputError: no pbrt-v4 is found, or the environment map cannot be read.
        JobError: the scene cannot be written.
    """

    name = "pbrt"
    version = VERSION

    def __init__(
        self,
        medium: Medium,
        settings: RendererSettings,
        *,
        binary: Pbrt | None = None,
        threads: int | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self._binary = binary or find_pbrt()
        self._medium = medium
        self._settings = settings
        self._threads = threads or thread_count()
        self._timeout_s = timeout_s or time_limit()
        self._lights = lights_of(settings)
        # Removed with the renderer, at the latest when Python ends.
        self._scratch = tempfile.TemporaryDirectory(prefix="renderbench-pbrt-")
        self._folder = Path(self._scratch.name)
        try:
            self._medium_path = write_medium(self._folder, medium, anisotropy=settings.anisotropy)
            for name, image in self._lights.maps.items():
                write_pfm(self._folder / name, image)
        except OSError as error:
            raise _unwritable(self._folder, error) from None

    def render_pass(self, camera: Camera, *, seed: int, first: int, count: int) -> RenderPass:
        """``count`` samples of each half of a view, see :class:`Renderer`.

        pbrt cannot continue a sequence: the halves of every pass are runs with seeds of their own,
        derived from ``seed``, ``first`` and the half, and so passes are independent of each other.

        Raises:
            JobError: pbrt fails, hangs, or writes no image or one that is not whole.
        """
        start = time.perf_counter()
        images = {}
        for exposure in exposures(
            camera,
            self._lights,
            medium=self._medium_path.name,
            inside=is_inside(camera, self._medium),
            max_depth=self._settings.max_depth,
            samples=count,
        ):
            scene, out = self._folder / f"{exposure.name}.pbrt", self._folder / f"{exposure.name}.pfm"
            try:
                scene.write_text(exposure.scene, encoding="utf-8")
            except OSError as error:
                raise _unwritable(scene, error) from None
            for half in range(2):
                run_pbrt(
                    self._command(seed_of_half(seed, first, half), count, out.name, scene.name),
                    folder=self._folder,
                    out=out,
                    timeout_s=self._timeout_s,
                )
                images[exposure.name, half] = read_pfm(out, width=camera.width, height=camera.height)
        return developed(images, self._lights, samples=2 * count, seconds=time.perf_counter() - start)

    def _command(self, seed: int, samples: int, out: str, scene: str) -> list[str]:
        options = {"nthreads": self._threads, "spp": samples, "seed": seed, "outfile": out}
        flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [str(self._binary.path), "--quiet", *flags, scene]


def _unwritable(path: Path, error: OSError) -> JobError:
    return JobError(
        path,
        f"expected to write a scene, found that it cannot be written ({error.strerror})",
        "free some disk space or set TMPDIR to a folder with more",
    )
