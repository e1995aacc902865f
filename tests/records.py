"""Run records for tests of what comes after the runs."""

from renderbench.evaluation.record import Record, ViewScore

METRICS = {"psnr": 20.0, "ssim": 0.8, "psnr@group:liver": 18.0}


def record(**changes) -> Record:
    """A plausible record; ``changes`` override its fields, ``metrics`` by id."""
    fields = {
        "digest": "d",
        "made_from": {},
        "suite": "s",
        "block": "b",
        "block_title": "Real CT, Seen TF",
        "dataset": "folder",
        "scan": "scan-1",
        "transfer_function": "seen",
        "groups": "all",
        "protocol": "heldout",
        "method": "agp",
        "method_title": "AGP",
        "base_method": "agp",
        "settings": {},
        "seed": 0,
        "resolution": 64,
        "fit_views": 4,
        "test_views": 2,
        "ground_truth": {
            "renderer": "native",
            "version": "1",
            "noise_floor": "standard",
            "samples_per_pixel_mean": 16.0,
            "settings": {},
        },
        "metrics": METRICS | changes.pop("metrics", {}),
        "absent": {"lpips-alex": "no weights"},
        "points": 1000,
        "scene_bytes": 50_000,
        "peak_memory_bytes": 2**30,
        "fps": 10.0,
        "device": "cpu",
        "seconds": {"read": 1.0, "views": 5.0},
        "seconds_without_views": 1.0,
        "seconds_full": 6.0,
        "noise_floor_db": 40.0,
        "noise_floor_ssim": 0.95,
        "views": [
            view_score(0, {"psnr": 19.0, "ssim": 0.7, "psnr@group:liver": None}),
            view_score(1, {"psnr": 21.0, "ssim": 0.9, "psnr@group:liver": 18.0}),
        ],
        "renders": {"000.png": "0" * 64, "001.png": "1" * 64},
        "notes": {},
        "inputs": {"scan": "x"},
        "hardware": {"cpu": "A CPU & more", "cores": 2, "gpu": "none"},
        "versions": {"renderbench": "0.1.0"},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
    }
    return Record(**(fields | changes))


def view_score(view: int, metrics: dict[str, float | None]) -> ViewScore:
    """One view's scores."""
    return ViewScore(view=view, metrics=metrics, noise_floor_db=40.0, noise_floor_ssim=0.95)


def write(root, made: Record) -> None:
    """Put a record where a run would."""
    folder = root / "runs" / made.suite / made.block / made.scan / made.method
    folder.mkdir(parents=True)
    made.write(folder)
