"""Writing the site: one front page, one page a scan and condition, pictures, and the CSV."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from glob import glob
from importlib.metadata import version
from pathlib import Path

from leaderboard.results import per_block, per_scan
from leaderboard.site.board import ScanCard, board, figures_of, methods_of, metrics_of
from leaderboard.site.embedding import ASSETS, page
from leaderboard.site.pictures import Pictures, write_pictures
from leaderboard.site.scan_page import scan_page
from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.evaluation.record import Record
from renderbench.layout import Root
from renderbench.progress import progress

# What says that a folder is a site of ours, and may be replaced.
_MARKER = "renderbench-site"
_TEMPLATES = ("index.html", "scan.html")

_Condition = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class SiteReport:
    """What :func:`export_site` wrote: pages of scans, and how many of them have pictures."""

    pages: int
    with_pictures: int


def export_site(folder: Path, records: Sequence[Record], root: Root, left_out: Sequence[str]) -> SiteReport:
    """Write the site of ``records`` as ``folder``, whole or not at all; an older site there is replaced.

    Args:
        folder: a site of ours, an empty folder, or nothing yet.
        records: of the root's runs, at least one.
        root: where their renders and ground truth lie; what is missing there is said on the page.
        left_out: a line for every record that could not be used.

    Raises:
        InputError: ``folder`` holds something else, or records cannot stand in one table.
    """
    _require_replaceable(folder)
    try:
        with staged(folder) as site:
            return _write(site, records, root, left_out)
    except OSError as error:
        raise InputError(
            folder,
            f"expected a folder that can be written to, found that it cannot ({error.strerror})",
            "choose another",
        ) from None


def _write(site: Path, records: Sequence[Record], root: Root, left_out: Sequence[str]) -> SiteReport:
    for name in ("scans", "pictures"):
        (site / name).mkdir(parents=True)
    shutil.copytree(ASSETS, site / "assets", ignore=shutil.ignore_patterns(*_TEMPLATES))
    conditions = _by_condition(records)
    stems = [_stem(condition) for condition in conditions]
    pages = [None, *(f"{stem}.html" for stem in stems), None]
    runs = per_scan(records)
    metrics = metrics_of(records)
    figures = figures_of(runs, metrics)
    of_runs = [dict(zip(figures, row, strict=True)) for row in zip(*figures.values(), strict=True)]
    hues = {method: place for place, method in enumerate(methods_of(runs))}
    places = _folders_of_runs(root.path / "runs")
    cards = []
    with progress("pages", len(conditions), "scans") as bar:
        for index, (stem, places_of_scan) in enumerate(zip(stems, conditions.values(), strict=True)):
            of_scan = {method: records[place] for method, place in places_of_scan.items()}
            pictures = _pictures(site, stem, root, of_scan, places)
            payload = scan_page(
                of_scan,
                pictures,
                figures={method: of_runs[place] for method, place in places_of_scan.items()},
                metrics=metrics,
                hues=hues,
                neighbours=(pages[index], pages[index + 2]),
            )
            (site / "scans" / f"{stem}.html").write_text(page("scan.html", payload), encoding="utf-8")
            picture = pictures.views[0].truth if pictures.views else None
            cards.append(ScanCard(page=f"{stem}.html", records=of_scan, picture=picture))
            bar.advance()
    blocks = per_block(records, runs=runs)
    front = board(runs, blocks, metrics=metrics, figures=figures, cards=cards, left_out=left_out) | {
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "renderbench": version("renderbench"),
    }
    (site / "index.html").write_text(page("index.html", front), encoding="utf-8")
    (site / "leaderboard.csv").write_text(blocks.to_csv(index=False, lineterminator="\n"))
    # GitHub Pages must serve the files as they are.
    (site / ".nojekyll").touch()
    (site / _MARKER).write_text(f"renderbench {version('renderbench')}\n")
    return SiteReport(pages=len(cards), with_pictures=sum(card.picture is not None for card in cards))


def _by_condition(records: Iterable[Record]) -> dict[_Condition, dict[str, int]]:
    """By suite, block and scan, the places of the records by method."""
    found: dict[_Condition, dict[str, int]] = {}
    for place, record in enumerate(records):
        found.setdefault((record.suite, record.block, record.scan), {})[record.method] = place
    return found


def _folders_of_runs(runs: Path) -> dict[tuple[str, ...], Path]:
    """The folders that there are by their names, so that a name in a record never becomes a path."""
    return {tuple(found.split(os.sep)): runs / found for found in glob("*/*/*/*", root_dir=runs)}


def _stem(condition: _Condition) -> str:
    """A file's name for a condition: readable, safe in paths and URLs, and its own."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", "-".join(condition)).strip("-")[:80]
    return f"{readable}-{hashlib.sha256(repr(condition).encode()).hexdigest()[:8]}"


def _pictures(
    site: Path,
    stem: str,
    root: Root,
    records: Mapping[str, Record],
    places: Mapping[tuple[str, ...], Path],
) -> Pictures:
    found = {
        method: (places[key], record)
        for method, record in records.items()
        if (key := (record.suite, record.block, record.scan, method)) in places
    }
    if not found:
        return Pictures(reasons=["No pictures: there are records only, not the runs."])
    return write_pictures(site, stem, root, found)


def _require_replaceable(folder: Path) -> None:
    if not folder.exists() or (folder / _MARKER).is_file():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    found = "a folder with other files in it" if folder.is_dir() else "a file"
    raise InputError(
        folder, f"expected a new folder, an empty one or an older site, found {found}", "choose another"
    )
