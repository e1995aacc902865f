"""How a measured number prints: its interval, its marks, whether it is best; and the legend of all that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from leaderboard.results import NEAR_FLOOR_DB
from leaderboard.statistics import CONFIDENCE, RESAMPLES, SEED, SIGNIFICANCE
from leaderboard.study import Study
from leaderboard.tables.model import ABSENT, Cell
from renderbench.config import Block

NEAR_FLOOR = "†"
FEWER_SCANS = "‡"

NEAR_FLOOR_NOTE = (
    f"within {NEAR_FLOOR_DB:g} dB of the noise floor, where at least a quarter of the error is the ground "
    "truth's own noise; against noise-free ground truth the PSNR would be at least 1.2 dB higher."
)
FEWER_SCANS_NOTE = (
    "not over all scans of the block: the mean is over those that there are, and is ranked only among means "
    "over the same scans."
)
RANK_NOTE = (
    "Bold: a block's best mean, and every one whose difference from it is within noise (paired Wilcoxon test "
    f"over scans, two-sided, p ≥ {SIGNIFICANCE:g}, each pair by itself)."
)
INTERVAL_NOTE = (
    f"[low, high]: {CONFIDENCE:.0%} interval of the mean over scans (percentile bootstrap, {RESAMPLES} "
    f"resamples, seed {SEED})."
)


@dataclass(frozen=True, kw_only=True)
class Printed:
    """How one measure is printed.

    Args:
        heading: of its column.
        measure: its column in the results.
        text: prints one number.
        interval: whether its interval is printed, where there is one.
    """

    heading: str
    measure: str
    text: Callable[[float], str]
    interval: bool = True


SSIM = Printed(heading="SSIM", measure="ssim", text="{:.3f}".format)
PSNR = Printed(heading="PSNR (dB)", measure="psnr_db", text="{:.2f}".format)
SD = Printed(heading="sd over views", measure="psnr_db_sd_views", text="{:.2f}".format, interval=False)
LPIPS = Printed(heading="LPIPS", measure="lpips_vgg", text="{:.3f}".format)
SECONDS = Printed(heading="Prep. (s)", measure="seconds_without_views", text="{:,.1f}".format, interval=False)
FULL = Printed(heading="with views (s)", measure="seconds_full", text="{:,.1f}".format, interval=False)
POINTS = Printed(heading="Points", measure="points", text="{:,.0f}".format, interval=False)
FPS = Printed(heading="FPS", measure="fps", text="{:.1f}".format, interval=False)
FLOOR_SSIM = Printed(heading="Floor SSIM", measure="noise_floor_ssim", text="{:.3f}".format, interval=False)
FLOOR_PSNR = Printed(
    heading="Floor PSNR (dB)", measure="noise_floor_db", text="{:.1f}".format, interval=False
)


def measured(study: Study, block: Block, method: str, printed: Printed) -> Cell:
    """The cell of one measure of one method; ``n/a`` without a number."""
    row = study.row(block, method)
    if row is None or pd.isna(row[printed.measure]):
        return Cell(text=ABSENT)
    text = printed.text(row[printed.measure])
    low = row.get(f"{printed.measure}_low")
    interval = ""
    if printed.interval and not pd.isna(low):
        interval = f" [{printed.text(low)}, {printed.text(row[f'{printed.measure}_high'])}]"
    fewer = row.get(f"{printed.measure}_scans", row["scans"]) < row["scans"]
    near = printed.measure == "psnr_db" and row["near_noise_floor"]
    return Cell(
        text=text + interval,
        bold=_is_bold(study, block, method, printed, text),
        mark=NEAR_FLOOR * bool(near) + FEWER_SCANS * bool(fewer),
    )


def scans(study: Study, block: Block, method: str) -> Cell:
    """How many scans the method's means are over, of how many where that differs."""
    row = study.row(block, method)
    if row is None:
        return Cell(text=ABSENT)
    if row["complete"]:
        return Cell(text=str(row["scans"]))
    return Cell(text=f"{row['scans']}/{row['scans_of_block']}", mark=FEWER_SCANS)


def legend_of(study: Study, blocks: Sequence[Block], rows: Sequence[Sequence[Cell]]) -> list[str]:
    """What the marks, brackets and bold print of some rows mean, as far as they occur."""
    cells = [cell for row in rows for cell in row]
    legend = []
    if any(NEAR_FLOOR in cell.mark for cell in cells):
        legend.append(f"{NEAR_FLOOR} {NEAR_FLOOR_NOTE}")
    if any(FEWER_SCANS in cell.mark for cell in cells):
        legend.append(f"{FEWER_SCANS} {FEWER_SCANS_NOTE}")
    if any(cell.text.endswith("]") for cell in cells):
        legend.append(INTERVAL_NOTE)
    if any(_is_tested(study, block) for block in blocks):
        legend.append(RANK_NOTE)
    for block in blocks:
        reason = study.untested(block)
        if reason is not None:
            legend.append(
                f"{block.title}: differences are not tested ({ABSENT}: {reason}); bold is the best figure "
                "there and claims no more."
            )
    return legend


def _is_tested(study: Study, block: Block) -> bool:
    return any(
        of == block.id and standing.verdict in ("tie", "behind")
        for (of, _, _), standing in study.standings.items()
    )


def _is_bold(study: Study, block: Block, method: str, printed: Printed, text: str) -> bool:
    """Best, tied with the best, or untested and printed the same."""
    standing = study.standings.get((block.id, method, printed.measure))
    if standing is None or standing.verdict in ("behind", "incomplete", "alone"):
        return False
    if standing.verdict in ("best", "tie"):
        return True
    best = next(
        other
        for (of, other, measure), each in study.standings.items()
        if of == block.id and measure == printed.measure and each.verdict == "best"
    )
    row = study.row(block, best)
    return row is not None and text == printed.text(row[printed.measure])
