"""Run records for tests of what comes after the runs."""

from renderbench.evaluation.record import Record, ViewScore


def record(**changes) -> Record:
    """A plausible record; ``changes`` override its fields."""
    fields = {
        "digest": "d",
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
        "psnr_db": 20.0,
        "ssim": 0.8,
        "points": 1000,
        "fps": 10.0,
        "seconds": {"read": 1.0, "views": 5.0},
        "seconds_without_views": 1.0,
        "seconds_full": 6.0,
        "noise_floor_db": 40.0,
        "noise_floor_ssim": 0.95,
        "views": [
            ViewScore(view=0, psnr_db=19.0, ssim=0.7, noise_floor_db=40.0, noise_floor_ssim=0.95),
            ViewScore(view=1, psnr_db=21.0, ssim=0.9, noise_floor_db=40.0, noise_floor_ssim=0.95),
        ],
        "notes": {},
        "inputs": {"scan": "x"},
        "hardware": {"cpu": "A CPU & more", "cores": 2, "gpu": "none"},
        "versions": {"renderbench": "0.1.0"},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
    }
    return Record(**(fields | changes))


def write(root, made: Record) -> None:
    """Put a record where a run would."""
    folder = root / "runs" / made.suite / made.block / made.scan / made.method
    folder.mkdir(parents=True)
    made.write(folder)
