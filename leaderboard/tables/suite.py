"""A suite's own table: its blocks and methods as rows, everything measured as columns."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leaderboard.measures import MEASURES, column_of
from leaderboard.results import BETWEEN, COLUMNS
from leaderboard.study import Study
from leaderboard.tables.cells import (
    FLOOR_PSNR,
    FLOOR_SSIM,
    FPS,
    FULL,
    LPIPS,
    POINTS,
    PSNR,
    SD,
    SECONDS,
    SSIM,
    legend_of,
    measured,
    scans,
)
from leaderboard.tables.model import ABSENT, Cell, Heading, Table, plain
from renderbench.config import Block, RendererSettings, Suite
from renderbench.scans.groups import select_groups

PRINTED = (SSIM, PSNR, SD, LPIPS, SECONDS, FULL, POINTS, FPS, FLOOR_SSIM, FLOOR_PSNR)


def suite_table(study: Study) -> Table:
    """The suite's table; a method without records is a row of ``n/a``."""
    rows: list[list[Cell]] = []
    breaks = set()
    for block in study.suite.blocks:
        breaks.add(len(rows))
        for method in block.methods:
            title = block.title if len(rows) in breaks else ""
            figures = [measured(study, block, method, printed) for printed in PRINTED]
            rows.append(
                [*plain(title, title_of(study, block, method)), scans(study, block, method), *figures]
            )
    headings = [
        Heading(text="Condition"),
        Heading(text="Method"),
        Heading(text="Scans", numeric=True),
        *(Heading(text=printed.heading, numeric=True) for printed in PRINTED),
    ]
    return Table(
        title="",
        headings=headings,
        rows=rows,
        breaks=frozenset(breaks),
        legend=legend_of(study, study.suite.blocks, rows),
        notes=[*conditions_of(study.suite), *measured_on(study), *lacking(study)],
    )


def suite_frame(study: Study) -> pd.DataFrame:
    """The suite's table unrounded, with all columns of the results; a method without records has 0 scans."""
    rows = []
    for block in study.suite.blocks:
        for method in block.methods:
            row = study.row(block, method)
            rows.append(_without_records(study, block, method) if row is None else dict(row))
    # Whole numbers that may be unknown.
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"scans_of_block": "Int64"})


def _without_records(study: Study, block: Block, method: str) -> dict[str, object]:
    """What the suite alone knows of a row."""
    known = study.scans[block.id]
    others = study.results[study.results["block"] == block.id]["scans_of_block"]
    return {
        "suite": study.suite.name,
        "block": block.id,
        "block_title": block.title,
        "dataset": block.dataset,
        "transfer_function": block.transfer_function,
        "groups": select_groups(block.groups).name,
        "protocol": block.protocol,
        "method": method,
        "method_title": title_of(study, block, method),
        "scans": 0,
        "scans_of_block": others.iloc[0] if len(others) else known and len(known),
        "complete": False,
        **{f"{measure.column}_scans": 0 for measure in MEASURES},
    }


def title_of(study: Study, block: Block, method: str) -> str:
    """A method in print: as its records say, else as the suite does."""
    row = study.row(block, method)
    return study.suite.entry(method).title or method if row is None else str(row["method_title"])


def conditions_of(suite: Suite) -> list[str]:
    """What a suite measures under, and what its columns mean."""
    renderer, views = suite.renderer, suite.views
    return [
        f"{views.resolution} × {views.resolution} pixels, {views.fit} fitting and {views.test} test views "
        f"a scan; ground truth by {renderer.name} {_sampling(renderer)}; "
        f"seed {suite.seed}.",
        "Protocol: "
        + "; ".join(f"{block.title}: {block.protocol}" for block in suite.blocks)
        + " (heldout: the evaluation is chosen on fitting views kept apart; "
        "paper: on the test views, as published).",
        "SSIM, PSNR and LPIPS (VGG, as the scripts of 6DGS compute it) over the full frame on 8-bit sRGB. "
        "Prep.: raw CT to ready scene; with views: ground-truth fitting views counted too. Floor: what a "
        "perfect method would score against this ground truth, which has noise of its own.",
    ]


def measured_on(study: Study, blocks: Sequence[Block] | None = None) -> list[str]:
    """The machines, the metrics that they could not compute, and differences over views."""
    chosen = list(blocks) if blocks is not None else study.suite.blocks
    results = study.results[study.results["block"].isin([block.id for block in chosen])]
    machines = results[["cpu", "cores", "gpu"]].drop_duplicates()
    notes = [f"Measured on {row.cpu}, {row.cores} cores, GPU: {row.gpu}." for row in machines.itertuples()]
    reasons = [reason for text in results["absent"] for reason in text.split(BETWEEN) if reason]
    # Those of columns that are printed; the CSV has the others.
    printed = {each.measure for each in PRINTED}
    notes += [
        f"{ABSENT}: {reason}."
        for reason in dict.fromkeys(reasons)
        if column_of(reason.partition(":")[0]) in printed
    ]
    for block in chosen:
        for shown in (PSNR, SSIM, LPIPS):
            tests = study.over_views(block, shown.measure)
            told = [
                f"{title_of(study, block, best)} against {title_of(study, block, other)} "
                f"{test.difference:+.3f} (p {test.p:.2g})"
                for best, other, test in tests
                if test.p is not None
            ]
            if told:
                views = max(test.pairs for _, _, test in tests)
                notes.append(
                    f"{block.title}, {shown.heading} over the same {views} test views, which are no scans "
                    f"and not independent (paired Wilcoxon): {'; '.join(told)}."
                )
    return notes


def lacking(study: Study, blocks: Sequence[Block] | None = None) -> list[str]:
    """Which commands make what is missing; nothing where nothing is."""
    commands = [f"`{command}`" for command in study.commands(blocks)]
    if not commands:
        return []
    return [
        f"Runs are missing ({ABSENT}, or fewer scans). To make them, in this order: {', '.join(commands)}."
    ]


def _sampling(renderer: RendererSettings) -> str:
    if renderer.samples_per_pixel is not None:
        return f"at {renderer.samples_per_pixel} samples a pixel"
    return f"sampled to a noise floor of {renderer.noise_floor_db:g} dB"
