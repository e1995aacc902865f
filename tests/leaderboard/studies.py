"""A root with ground truth and runs, in a second: discs instead of patients, every digest as a run has it."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np

from renderbench.artefacts import digest_of, digest_of_file
from renderbench.cameras import sphere_cameras
from renderbench.config import MediumSettings
from renderbench.evaluation.anatomy import ANATOMY_FOLDER, Anatomy, prepare_anatomy
from renderbench.evaluation.metrics import quantised
from renderbench.evaluation.metrics.scoring import score_views
from renderbench.evaluation.record import ViewScore
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.viewset import ViewSet, begin_set, finish_set, write_view
from renderbench.layout import Root
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan
from tests.records import record

SIZE = 40
VIEWS = 5
LIVER, SPLEEN = 5, 1
RENDERER = {"name": "native", "version": "1", "max_depth": 6}


def write_study(path: Path, *, methods: tuple[str, ...] = ("agp", "6dgs"), labelled: bool = False) -> Root:
    """One scan, one condition, a run a method; each is worse than the one before.

    With ``labelled``, there is the scan itself, and its anatomy, which every run is scored on too.
    """
    root = Root(path)
    scan = write_body(root) if labelled else None
    truth = write_truth(root, scan)
    anatomy = None if scan is None else write_anatomy(root, scan, truth)
    for place, method in enumerate(methods):
        write_run(root, truth, method, blur=0.02 * (place + 1), seconds=10.0 / (place + 1), anatomy=anatomy)
    return root


def write_body(root: Root, *, liver_mm: float = 24.0) -> ScanStore:
    """The scan ``scan-1``: a liver to the right of a spleen, both balls, around the world's origin."""
    size, spacing = 40, 3.0
    world = np.diag([spacing, spacing, spacing, 1.0])
    world[:3, 3] = -spacing * (size - 1) / 2
    z, y, x = spacing * (np.mgrid[:size, :size, :size] - (size - 1) / 2)
    labels = np.zeros((size, size, size), dtype=np.uint8)
    labels[np.hypot(np.hypot(x + 18, y), z) < liver_mm] = LIVER
    labels[np.hypot(np.hypot(x - 30, y), z) < 15.0] = SPLEEN
    path = root.scan("folder", "scan-1")
    write_scan(
        path,
        Scan(
            name="scan-1",
            ct=np.where(labels > 0, 120, -1000).astype(np.int16),
            labels=labels,
            grid=Grid(shape=labels.shape, world_from_voxel=world),
        ),
        dataset="folder",
        transfer_functions=[load_transfer_function("seen")],
        digest=f"a liver of {liver_mm} mm",
        provenance={},
        seconds={"read": 1.0},
    )
    return ScanStore.open(path)


def write_anatomy(root: Root, scan: ScanStore, truth: ViewSet) -> Anatomy:
    """The anatomy of the test views, where runs keep it."""
    folder = root.block("s", "b", "scan-1") / ANATOMY_FOLDER
    return prepare_anatomy(folder, scan, "seen", select_groups("all"), MediumSettings(), truth)


def write_truth(root: Root, scan: ScanStore | None = None) -> ViewSet:
    """The test views of ``scan-1``: discs, whatever the scan is."""
    folder = root.views("folder", "scan-1", "seen", "all", "s-test")
    shown = {} if scan is None else {name: scan.checksums[name] for name in ("groups", "rgba/seen")}
    made_from = {
        "scan": {
            "dataset": "folder",
            "name": "scan-1",
            "groups": shown.get("groups"),
            "rgba": shown.get("rgba/seen"),
        },
        "transfer_function": "seen",
        "selection": list(select_groups("all").indices),
        "medium": MediumSettings().model_dump(),
        "renderer": RENDERER,
        "seed": 0,
    }
    cameras = sphere_cameras(
        VIEWS,
        center_mm=(0.0, 0.0, 0.0),
        radius_mm=90.0,
        resolution=SIZE,
        fov_deg=40.0,
        layout="fibonacci",
        seed=4,
    )
    begin_set(folder)
    records = [
        write_view(folder, view, _disc(view), digest=f"view {view}", seed=view) for view in range(VIEWS)
    ]
    finish_set(folder, cameras, records, digest=digest_of(made_from), made_from=made_from)
    return ViewSet.open(folder)


def write_run(
    root: Root,
    truth: ViewSet,
    method: str,
    *,
    blur: float,
    seconds: float,
    anatomy: Anatomy | None = None,
) -> Path:
    """A run that renders the ground truth with an error of ``blur``, scored as a run is; its folder."""
    folder = root.run("s", "b", "scan-1", method)
    (folder / "renders").mkdir(parents=True)
    images = truth.images()
    noise = np.random.default_rng(1).normal(0.0, blur, images.shape)
    renders = quantised(images / 255.0 + noise)
    for view, render in enumerate(renders):
        iio.imwrite(folder / "renders" / f"{view:03d}.png", render)
    scores = score_views(list(images), list(renders), anatomy)
    views = [
        ViewScore(
            view=view,
            metrics=scores.views[view],
            noise_floor_db=truth.noise_floor_db[view],
            noise_floor_ssim=truth.noise_floor_ssim[view],
        )
        for view in range(VIEWS)
    ]
    inputs = {"scan": "x", "test_views": truth.digest}
    block = {"id": "b", "dataset": "folder", "transfer_function": "seen", "protocol": "heldout"}
    made_from = {"method": method, "settings": {}, "seed": 0, "inputs": inputs, "block": block}
    plain = record(
        digest=digest_of(made_from),
        made_from=made_from,
        method=method,
        base_method=method,
        method_title=method.upper(),
        resolution=SIZE,
        test_views=VIEWS,
        seconds={"read": 1.0, "views": 5.0, "optimise": seconds},
        seconds_without_views=1.0 + seconds,
        seconds_full=6.0 + seconds,
        noise_floor_db=truth.noise_floor_mean_db,
        noise_floor_ssim=truth.noise_floor_mean_ssim,
        inputs=inputs,
        renders={path.name: digest_of_file(path) for path in sorted((folder / "renders").iterdir())},
    )
    truth_settings = {key: value for key, value in RENDERER.items() if key not in ("name", "version")}
    made = plain.model_copy(
        update={
            "metrics": scores.metrics,
            "absent": scores.absent,
            "views": views,
            "ground_truth": plain.ground_truth.model_copy(update={"settings": truth_settings}),
        }
    )
    made.write(folder)
    return folder


def _disc(view: int) -> RenderPass:
    """A lit disc with noise, over black."""
    rng = np.random.default_rng(view)
    row, column = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    alpha = np.clip(SIZE / 3 - np.hypot(row, column), 0, 1).astype(np.float32)
    halves = rng.gamma(20.0, 0.02, (2, SIZE, SIZE, 3)).astype(np.float32) * alpha[..., None]
    return RenderPass(halves=halves, alpha=alpha, depth_mm=None, samples=32, seconds=1.5)
