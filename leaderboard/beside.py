"""Which of our blocks stand beside which published ones, and what differs between the two."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pandas as pd

from leaderboard.published import Published, PublishedBlock


def stands_beside(
    theirs: PublishedBlock, *, dataset: str, transfer_function: str, groups: str, stands_in: bool
) -> bool:
    """Whether a block of ours stands beside a published one: same dataset, transfer function and groups.

    Args:
        theirs: the published block.
        dataset: ours.
        transfer_function: ours.
        groups: ours, by the name of the selection.
        stands_in: our suite has none of the paper's datasets, so that any of ours stands in for them; that
            the data differ is then the first of :func:`differences`.
    """
    return (
        (stands_in or dataset == theirs.dataset)
        and transfer_function == theirs.transfer_function
        and groups == theirs.groups
    )


def differences(
    rows: pd.DataFrame,
    published: Published,
    theirs: PublishedBlock,
    planned: Mapping[str, object] | None = None,
) -> list[str]:
    """What differs between a published block and one of ours: data, resolution, views, hardware, protocol.

    Args:
        rows: our block's of :func:`leaderboard.results.per_block`; what they say counts.
        published: the paper.
        theirs: its block.
        planned: the same columns as the suite has them, where there are no rows.
    """
    paper = published.conditions
    # Alike for all methods of a block: anything else was refused.
    here = planned or {} if rows.empty else rows.iloc[0]
    counts = " or ".join(str(count) for count in sorted(set(rows["scans"])))
    machines = rows[["cpu", "cores", "gpu"]].drop_duplicates()
    hardware = "; ".join(f"{row.cpu}, {row.cores} cores, GPU {row.gpu}" for row in machines.itertuples())
    found: list[tuple[str, object, object]] = [
        ("data", here["dataset"], theirs.dataset),
        ("scans", counts or "none yet", str(theirs.scans)),
        ("resolution", here["resolution"], paper.resolution),
        ("fitting views", here["fit_views"], published.fit_views(theirs)),
        ("test views", here["test_views"], paper.test_views),
        ("renderer", here["renderer"], paper.renderer),
        ("protocol", here["protocol"], paper.protocol),
        ("hardware", hardware or "none yet", paper.hardware),
    ]
    settings = dict(zip(rows["method"], rows["settings"], strict=True))
    for method, steps in paper.iterations.items():
        mine = json.loads(settings[method]).get("iterations") if method in settings else None
        if mine is not None:
            found.append((f"iterations of {method}", mine, steps))
    return [f"{what} {mine} (paper: {its})" for what, mine, its in found if mine != its]
