"""How long ten thousand run records take: to read, to export as a site, and to sort in a browser.

    python benchmarks/leaderboard_site.py [--records 10000] [--views 8]

Prints one line a step. The browser's steps need Playwright's Python package and a Chromium.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.records import load_records
from leaderboard.site.export import export_site
from renderbench.evaluation.record import Record, ViewScore
from renderbench.layout import Root

if TYPE_CHECKING:
    from playwright.sync_api import Page

METHODS = {
    "agp": "AGP",
    "6dgs": "6DGS",
    "6dgs-agp": "6DGS + AGP",
    "renderfm": "Render-FM",
    "renderfm-ft": "Render-FM + FT",
}
BLOCKS = {
    "id-seen": "In-domain, Seen TF",
    "ood-seen": "Out-of-domain, Seen TF",
    "ood-unseen": "Unseen TF",
    "skeleton": "Skeleton",
}
METRICS = ("psnr", "ssim", "ms-ssim", "lpips-alex", "lpips-vgg", "gmsd")


def synthetic(count: int, views: int) -> Iterator[Record]:
    """Records with random scores: no measurement, only as large and as many as real ones."""
    draw = random.Random(0)
    for index in range(count):
        method = list(METHODS)[index % len(METHODS)]
        block = list(BLOCKS)[index // len(METHODS) % len(BLOCKS)]
        names = [f"{name}{part}" for name in METRICS for part in ("", "@foreground")]
        scores = [
            {name: draw.gauss(26, 3) if name.startswith("psnr") else draw.random() for name in names}
            for _ in range(views)
        ]
        means = {name: sum(each[name] for each in scores) / views for name in names}
        seconds = {
            "read": draw.random(),
            "resample": draw.random(),
            "views": 60.0,
            "optimise": 900 * draw.random(),
        }
        yield Record(
            digest=f"{index:064x}",
            made_from={},
            suite="synthetic",
            block=block,
            block_title=BLOCKS[block],
            dataset="ct-org" if block.startswith("ood") else "totalsegmentator",
            scan=f"scan-{index // (len(METHODS) * len(BLOCKS)):05d}",
            transfer_function="unseen" if block.endswith("unseen") else "seen",
            groups="skeleton" if block == "skeleton" else "all",
            protocol="heldout",
            method=method,
            method_title=METHODS[method],
            base_method=method,
            settings={"iterations": 30_000, "stride_voxels": 2},
            seed=0,
            resolution=1600,
            fit_views=20,
            test_views=views,
            ground_truth={
                "renderer": "native",
                "version": "1",
                "noise_floor": "standard",
                "samples_per_pixel_mean": 512.0,
                "settings": {"max_depth": 6},
            },
            metrics=means,
            absent={},
            points=draw.randrange(10**5, 10**6),
            scene_bytes=draw.randrange(10**7, 10**8),
            peak_memory_bytes=draw.randrange(10**9, 10**10),
            fps=draw.uniform(10, 500),
            device="cpu",
            seconds=seconds,
            seconds_without_views=sum(seconds.values()) - 60.0,
            seconds_full=sum(seconds.values()),
            noise_floor_db=42.0,
            noise_floor_ssim=0.97,
            views=[
                ViewScore(view=view, metrics=each, noise_floor_db=42.0, noise_floor_ssim=0.97)
                for view, each in enumerate(scores)
            ],
            renders={f"{view:03d}.png": f"{view:064x}" for view in range(views)},
            inputs={"scan": "0" * 64, "test_views": "1" * 64},
            hardware={"cpu": "synthetic", "cores": 2, "gpu": "none"},
            versions={"renderbench": "0.1.0"},
            started="2026-01-01T00:00:00+00:00",
            finished="2026-01-01T00:10:00+00:00",
        )


@contextmanager
def timed(what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - start:.2f} s", flush=True)


def browse(index: Path) -> None:
    """Open the front page, show single runs, and sort them by PSNR, as a visitor would."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        sync_playwright() as play,
        play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        with timed("open the front page"):
            page.goto(index.as_uri(), wait_until="load")
            page.wait_for_selector("#table tbody tr")
        _acted(page, "show single runs", "() => document.querySelector('input[value=runs]').click()")
        _acted(page, "sort them", "() => document.querySelector('[data-key=psnr_db] button').click()")


def _acted(page: Page, what: str, action: str) -> None:
    """Time an action until the browser has drawn what follows from it."""
    milliseconds = page.evaluate(
        f"""async () => {{
            const start = performance.now();
            ({action})();
            await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
            return performance.now() - start;
        }}"""
    )
    print(f"{what}: {milliseconds / 1000:.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="leave the site here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Root(Path(temporary) / "root")
        for record in synthetic(options.records, options.views):
            folder = root.run(record.suite, record.block, record.scan, record.method)
            folder.mkdir(parents=True)
            record.write(folder)
        with timed(f"read {options.records} records"):
            records = load_records(root.path / "runs", announce=print)
        site = options.keep or Path(temporary) / "site"
        with timed("aggregate and export"):
            report = export_site(site, records, root, [])
        pages = sum(path.stat().st_size for path in site.rglob("*.html")) / 1e6
        print(json.dumps({"pages": report.pages, "MB of pages": round(pages, 1)}))
        browse(site / "index.html")


if __name__ == "__main__":
    main()
