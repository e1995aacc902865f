"""How long ten thousand run records take: to read, to export as a site, and to sort in a browser.

    python benchmarks/leaderboard_site.py [--records 10000] [--views 8] [--json FILE]

Prints one line a step: seconds by the clock and, of what this process does, on the processor, which other
work on the machine disturbs less. The browser's steps need Playwright's Python package and a Chromium.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from leaderboard.collector import uncollected
from leaderboard.records import load_records
from leaderboard.site.export import export_site
from renderbench.artefacts import write_json
from renderbench.evaluation.machine import hardware
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


@dataclass
class Steps:
    """What was timed, in order: seconds by the clock, and on the processor where that is ours."""

    seconds: dict[str, float] = field(default_factory=dict)
    processor_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time the body as a step of this process."""
        clock, processor = time.perf_counter(), time.process_time()
        yield
        self.took(what, time.perf_counter() - clock, time.process_time() - processor)

    def took(self, what: str, seconds: float, on_processor: float | None = None) -> None:
        """Keep and print a step."""
        self.seconds[what] = seconds
        own = ""
        if on_processor is not None:
            self.processor_seconds[what] = on_processor
            own = f" ({on_processor:.2f} s on the processor)"
        print(f"{what}: {seconds:.2f} s{own}", flush=True)

    def together(self, what: str) -> None:
        """Keep and print the sum of all steps so far."""
        self.took(what, sum(self.seconds.values()), sum(self.processor_seconds.values()))


def browse(index: Path, steps: Steps) -> None:
    """Open the front page, show single runs, and sort them by PSNR, as a visitor would."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with (
        sync_playwright() as play,
        play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        page.goto(index.as_uri(), wait_until="load")
        page.wait_for_selector("#table tbody tr")
        steps.took("open the front page", time.perf_counter() - start)
        for what, selector in (
            ("show single runs", "input[value=runs]"),
            ("sort them", "[data-key=psnr_db] button"),
        ):
            action = f"() => document.querySelector('{selector}').click()"
            steps.took(what, _acted(page, action))


def _acted(page: Page, action: str) -> float:
    """Seconds of an action, until the browser has drawn what follows from it."""
    milliseconds = page.evaluate(
        f"""async () => {{
            const start = performance.now();
            ({action})();
            await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
            return performance.now() - start;
        }}"""
    )
    return float(milliseconds) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--keep", type=Path, help="leave the site here")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    steps = Steps()
    with tempfile.TemporaryDirectory() as temporary:
        root = Root(Path(temporary) / "root")
        for record in synthetic(options.records, options.views):
            folder = root.run(record.suite, record.block, record.scan, record.method)
            folder.mkdir(parents=True)
            record.write(folder)
        site = options.keep or Path(temporary) / "site"
        # As `renderbench leaderboard export` does it.
        with uncollected():
            with steps.timed("read"):
                records = load_records(root.path / "runs", announce=print)
            with steps.timed("aggregate and export"):
                report = export_site(site, records, root, [])
        steps.together("read, aggregate and export")
        megabytes = sum(path.stat().st_size for path in site.rglob("*.html")) / 1e6
        print(f"{options.records} records, {report.pages} pages of scans, {megabytes:.1f} MB of pages")
        browse(site / "index.html", steps)
    if options.json is not None:
        write_json(
            options.json,
            {
                "records": options.records,
                "views": options.views,
                "pages": report.pages,
                "megabytes_of_pages": megabytes,
                "seconds": steps.seconds,
                "processor_seconds": steps.processor_seconds,
                "hardware": hardware(),
            },
        )


if __name__ == "__main__":
    main()
