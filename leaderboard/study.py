"""A suite and its run records together: what there is, how it stands, and how to make what is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from leaderboard.records import usable_records
from leaderboard.results import per_block, per_scan
from leaderboard.standings import Standing, paired_views, standings
from leaderboard.statistics import PairedTest
from renderbench.config import Block, Suite
from renderbench.errors import InputError
from renderbench.evaluation.record import Record
from renderbench.layout import Root
from renderbench.scans.dataset import command_for, read_dataset

# What tables rank. The PSNR of groups and the like are in the CSV, with intervals and without ranks.
RANKED = ("ssim", "psnr_db", "lpips_vgg", "seconds_without_views", "seconds_full", "fps")
_OVER_VIEWS = {"ssim": "ssim", "psnr_db": "psnr", "lpips_vgg": "lpips-vgg"}


@dataclass(frozen=True, kw_only=True)
class Study:
    """A suite's records, aggregated.

    Args:
        suite: which blocks and methods there should be.
        called: the suite as the user named it, for commands.
        records: its usable records.
        scans: by block, the scans that it should have; None where the dataset is not there to tell.
        results: :func:`leaderboard.results.per_block`, of this suite's blocks only.
        standings: by block, method and measure, of :data:`RANKED`.
    """

    suite: Suite
    called: str
    records: Sequence[Record]
    scans: Mapping[str, Sequence[str] | None]
    results: pd.DataFrame
    standings: Mapping[tuple[str, str, str], Standing]

    def row(self, block: Block, method: str) -> pd.Series | None:
        """The aggregated row of a method in a block; None without a record."""
        return self._rows.get((block.id, method))

    @cached_property
    def _rows(self) -> dict[tuple[str, str], pd.Series]:
        return {(row["block"], row["method"]): row for _, row in self.results.iterrows()}

    def untested(self, block: Block) -> str | None:
        """Why differences in a block are not tested; None where all that could be were."""
        reasons = [
            standing.test.reason
            for (of, _, _), standing in self.standings.items()
            if of == block.id and standing.verdict == "untested" and standing.test is not None
        ]
        return reasons[0] if reasons else None

    def over_views(self, block: Block, measure: str) -> list[tuple[str, str, PairedTest]]:
        """The best of a block against each other method over the same test views: (best, other, test)."""
        verdicts = {
            method: standing.verdict
            for (of, method, ranked), standing in self.standings.items()
            if of == block.id and ranked == measure
        }
        best = next((method for method, verdict in verdicts.items() if verdict == "best"), None)
        others = [method for method in block.methods if verdicts.get(method) == "untested"]
        if best is None:
            return []
        records = [record for record in self.records if record.block == block.id]
        metric = _OVER_VIEWS[measure]
        return [(best, other, paired_views(records, best, other, metric)) for other in others]

    def commands(self, blocks: Sequence[Block] | None = None) -> list[str]:
        """The commands that make the records which the suite lacks, in the order to run them.

        Args:
            blocks: only those of these blocks; all of the suite's by default.
        """
        commands: list[str] = []
        methods: list[str] = []
        for block in blocks if blocks is not None else self.suite.blocks:
            lacking = [method for method in block.methods if not self._whole(block, method)]
            if lacking and self.scans[block.id] is None:
                commands.append(command_for(block.dataset).strip("`"))
            methods += lacking
        study = f"--root ROOT --suite {self.called}"
        if commands:
            commands.append(f"renderbench groundtruth {study}")
        ordered = [method for method in self.suite.method_ids() if method in methods]
        commands += [f"renderbench run {study} --method {method}" for method in ordered]
        return list(dict.fromkeys(commands))

    def _whole(self, block: Block, method: str) -> bool:
        row = self.row(block, method)
        return row is not None and bool(row["complete"])


def load_study(root: Root, suite: Suite, called: str, *, announce: Callable[[str], None]) -> Study:
    """The study of a root; without any record it is empty, not an error.

    Args:
        root: where runs lie.
        suite: the suite.
        called: as the user named it.
        announce: called with one line for every record that cannot be used, or that is of no block or
            method of the suite (any more).

    Raises:
        InputError: records contradict each other (:func:`leaderboard.results.per_block`).
    """
    records = usable_records(root.path / "runs", suite.name, announce=announce)
    return study_of(suite, records, called=called, scans=_wanted(root, suite), announce=announce)


def study_of(
    suite: Suite,
    records: Sequence[Record],
    *,
    called: str = "",
    scans: Mapping[str, Sequence[str] | None] | None = None,
    announce: Callable[[str], None],
) -> Study:
    """The study of records in hand; see :func:`load_study`.

    Args:
        suite: the suite.
        records: of it.
        called: as the user named it; its name by default.
        scans: by block, the scans that it should have; unknown where None or absent.
        announce: as there.
    """
    listed = {(block.id, method) for block in suite.blocks for method in block.methods}
    used = [record for record in records if (record.block, record.method) in listed]
    for block, method in dict.fromkeys((record.block, record.method) for record in records):
        if (block, method) not in listed:
            announce(f"left out: {block}/*/{method}: suite {suite.name} has no such block and method")
    wanted = {block.id: (scans or {}).get(block.id) for block in suite.blocks}
    runs = per_scan(used) if used else None
    expected = {(suite.name, block): each for block, each in wanted.items() if each}
    results = per_block(used, expected, runs=runs)
    ranked = {} if runs is None else standings(runs, RANKED)
    return Study(
        suite=suite,
        called=called or suite.name,
        records=used,
        scans=wanted,
        results=results,
        standings={
            (block, method, measure): standing for (_, block, method, measure), standing in ranked.items()
        },
    )


def _wanted(root: Root, suite: Suite) -> dict[str, Sequence[str] | None]:
    scans: dict[str, Sequence[str] | None] = {}
    for block in suite.blocks:
        try:
            dataset = read_dataset(root, block.dataset)
            scans[block.id] = None if dataset is None else dataset.scans(block.scans)
        except InputError:
            # Not to be known from here; `renderbench run` says what is wrong with the dataset.
            scans[block.id] = None
    return scans
