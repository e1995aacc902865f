"""Tables 1 and 2 of the paper: what a suite measured beside what was published, never in one column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from leaderboard import beside
from leaderboard.published import MEASURES, Figures, Published, PublishedBlock, load_published
from leaderboard.study import Study
from leaderboard.tables.cells import (
    FPS,
    LPIPS,
    POINTS,
    PSNR,
    SECONDS,
    SSIM,
    Printed,
    legend_of,
    measured,
    scans,
)
from leaderboard.tables.model import ABSENT, Cell, Heading, Table, plain
from leaderboard.tables.suite import conditions_of, lacking, measured_on, title_of
from renderbench.config import Block
from renderbench.scans.groups import select_groups

_QUALITY = (SSIM, PSNR, LPIPS)
_COST = (SECONDS, POINTS, FPS)
_PUBLISHED = {measure: name for name, measure in MEASURES.items()}


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One row: a published block and our block beside it, and one method; what is not there is None."""

    theirs: PublishedBlock
    ours: Block | None
    method: str
    figures: Figures | None


def compared_tables(study: Study, number: int) -> list[Table]:
    """Table 1 or 2 in two parts: quality; preparation, size and speed.

    A suite's block stands beside the published blocks of its dataset, transfer function and groups. A
    suite that has none of the paper's datasets is a stand-in: its blocks stand beside every published block
    of their transfer function and groups, and the other data are named among the conditions that differ.

    Args:
        study: the suite and its records; may be without any.
        number: 1 or 2.
    """
    published = load_published()
    pairs = list(pairs_of(study, published, number))
    blocks = _blocks_of(study, pairs)
    caption = f"Table {number} of {published.title} beside the suite {study.suite.name}"
    notes = [
        published.captions[number],
        "Paper: as published, not measured here. Δ: ours minus the paper's. Only our own columns are ranked.",
        *differing(study, published, pairs),
        *_beside_nothing(study, pairs),
        *(conditions_of(study.suite) if blocks else []),
        *measured_on(study, blocks),
        *lacking(study, blocks),
    ]
    quality = _part(study, pairs, _QUALITY, f"{caption}: quality", notes=[])
    return [
        quality,
        _part(study, pairs, _COST, f"{caption}: preparation, size and speed", notes=notes),
    ]


def compared_frame(study: Study, number: int) -> pd.DataFrame:
    """The same unrounded, a row a published block, block of ours and method.

    ``<measure>`` (with ``_low``, ``_high``, ``_scans``) is ours, ``<measure>_published`` the paper's,
    ``<measure>_difference`` ours minus the paper's; ``differs`` names the conditions that differ.
    """
    published = load_published()
    pairs = pairs_of(study, published, number)
    frame = pd.DataFrame([_tidy(study, published, number, pair) for pair in pairs])
    # Whole numbers that may be absent.
    return frame.astype(dict.fromkeys(("scans", "scans_of_block", "scans_published"), "Int64"))


def pairs_of(study: Study, published: Published, number: int) -> Iterator[Pair]:
    """The rows of a table: every published one, and our other methods in the blocks beside it."""
    for theirs in published.table(number):
        blocks: list[Block | None] = [*_beside(study, published, theirs)]
        for ours in blocks or [None]:
            others = [] if ours is None else [name for name in ours.methods if name not in theirs.methods]
            for method in (*theirs.methods, *others):
                yield Pair(theirs=theirs, ours=ours, method=method, figures=theirs.methods.get(method))


def differing(study: Study, published: Published, pairs: Sequence[Pair]) -> list[str]:
    """One note a pair of blocks: the conditions under which theirs and ours were measured apart."""
    notes = {}
    for pair in pairs:
        if pair.ours is not None:
            key = (pair.theirs.id, pair.ours.id)
            notes[key] = (
                f"{pair.theirs.title}, ours {pair.ours.title}: "
                + "; ".join(differences(study, published, pair.theirs, pair.ours))
                + "."
            )
    return list(notes.values())


def differences(study: Study, published: Published, theirs: PublishedBlock, ours: Block) -> list[str]:
    """What differs between a published block and one of ours: data, resolution, views, hardware, protocol.

    What our records say counts; without any, what the suite would do.
    """
    suite = study.suite
    planned = {
        "dataset": ours.dataset,
        "resolution": suite.views.resolution,
        "fit_views": sum(views.views for views in suite.fitting(ours)),
        "test_views": suite.views.test,
        "renderer": suite.renderer.name,
        "protocol": ours.protocol,
    }
    rows = study.results[study.results["block"] == ours.id]
    return beside.differences(rows, published, theirs, planned)


def _beside(study: Study, published: Published, theirs: PublishedBlock) -> list[Block]:
    stands_in = published.stands_in(block.dataset for block in study.suite.blocks)
    return [
        block
        for block in study.suite.blocks
        if beside.stands_beside(
            theirs,
            dataset=block.dataset,
            transfer_function=block.transfer_function,
            groups=select_groups(block.groups).name,
            stands_in=stands_in,
        )
    ]


def _beside_nothing(study: Study, pairs: Sequence[Pair]) -> list[str]:
    alone = {pair.theirs.id: pair.theirs for pair in pairs if pair.ours is None}
    notes = [
        f"{block.title}: {ABSENT}, suite {study.suite.name} has no block of dataset {block.dataset}, "
        f"transfer function {block.transfer_function} and groups {block.groups}."
        for block in alone.values()
    ]
    missing = {
        (pair.ours.title, pair.figures.title)
        for pair in pairs
        if pair.ours is not None and pair.figures is not None and pair.method not in pair.ours.methods
    }
    return notes + [
        f"{title}: {ABSENT}, suite {study.suite.name} does not list {method} there."
        for title, method in sorted(missing)
    ]


def _blocks_of(study: Study, pairs: Sequence[Pair]) -> list[Block]:
    compared = {pair.ours.id for pair in pairs if pair.ours is not None}
    return [block for block in study.suite.blocks if block.id in compared]


def _part(
    study: Study, pairs: Sequence[Pair], columns: Sequence[Printed], title: str, notes: Sequence[str]
) -> Table:
    headings = [
        Heading(text="Paper's condition"),
        Heading(text="Ours"),
        Heading(text="Method"),
        Heading(text="ours", above="Scans", numeric=True),
        Heading(text="paper", above="Scans", numeric=True),
        *(
            Heading(text=text, above=printed.heading, numeric=True)
            for printed in columns
            for text in ("ours", "paper", "Δ")
        ),
    ]
    rows: list[list[Cell]] = []
    breaks = set()
    before: tuple[str, str | None] | None = None
    for pair in pairs:
        here = (pair.theirs.id, pair.ours.id if pair.ours else None)
        first = here != before
        before = here
        if first:
            breaks.add(len(rows))
        ours = pair.ours.title if pair.ours else ABSENT
        title_cells = plain(pair.theirs.title if first else "", ours if first else "", _title(study, pair))
        figures = [cell for printed in columns for cell in _triple(study, pair, printed)]
        counts = [
            Cell(text=ABSENT) if pair.ours is None else scans(study, pair.ours, pair.method),
            *plain(str(pair.theirs.scans) if pair.figures else ABSENT),
        ]
        rows.append([*title_cells, *counts, *figures])
    return Table(
        title=title,
        headings=headings,
        rows=rows,
        breaks=frozenset(breaks),
        legend=legend_of(study, _blocks_of(study, pairs), rows),
        notes=notes,
    )


def _title(study: Study, pair: Pair) -> str:
    """As our records or the suite call the method; else as the paper does."""
    ours = pair.method if pair.ours is None else title_of(study, pair.ours, pair.method)
    return pair.figures.title if pair.figures and ours == pair.method else ours


def _triple(study: Study, pair: Pair, printed: Printed) -> list[Cell]:
    """Ours, the paper's, and the difference."""
    theirs = _published(pair, printed.measure)
    ours = Cell(text=ABSENT) if pair.ours is None else measured(study, pair.ours, pair.method, printed)
    value = _ours(study, pair, printed.measure)
    if value is None or theirs is None:
        difference = ABSENT
    else:
        difference = f"{'+' if value >= theirs else '−'}{printed.text(abs(value - theirs))}"
    return [ours, *plain(ABSENT if theirs is None else _as_published(theirs, printed), difference)]


def _as_published(value: float, printed: Printed) -> str:
    """With all its digits: the paper gives seconds to a tenth in Table 1, to a hundredth in Table 2."""
    text = printed.text(value)
    return text if float(text.replace(",", "")) == value else f"{value:,}"


def _published(pair: Pair, measure: str) -> float | None:
    return None if pair.figures is None else float(getattr(pair.figures, _PUBLISHED[measure]))


def _ours(study: Study, pair: Pair, measure: str) -> float | None:
    row = None if pair.ours is None else study.row(pair.ours, pair.method)
    return None if row is None or pd.isna(row[measure]) else float(row[measure])


def _tidy(study: Study, published: Published, number: int, pair: Pair) -> dict[str, object]:
    row = None if pair.ours is None else study.row(pair.ours, pair.method)
    tidy: dict[str, object] = {
        "table": number,
        "published_block": pair.theirs.id,
        "suite": study.suite.name,
        "block": None if pair.ours is None else pair.ours.id,
        "method": pair.method,
        "method_title": _title(study, pair),
        "scans": None if row is None else row["scans"],
        "scans_of_block": None if row is None else row["scans_of_block"],
        "scans_published": pair.theirs.scans if pair.figures else None,
    }
    for printed in (*_QUALITY, *_COST):
        measure = printed.measure
        ours, theirs = _ours(study, pair, measure), _published(pair, measure)
        tidy |= {
            f"{measure}{suffix}": None if row is None else row[f"{measure}{suffix}"]
            for suffix in ("", "_low", "_high", "_scans")
        }
        tidy[f"{measure}_published"] = theirs
        tidy[f"{measure}_difference"] = None if ours is None or theirs is None else ours - theirs
    differs = [] if pair.ours is None else differences(study, published, pair.theirs, pair.ours)
    return tidy | {"differs": "; ".join(differs)}
