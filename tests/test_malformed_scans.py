"""Malformed scans side by side with sound ones: each is one clear line, and the sound ones are written."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from renderbench.scans.store import ScanStore
from tests.malformed import published
from tests.malformed.case import GOOD, Bad, Group
from tests.malformed.dicom import DICOM, SECRETS
from tests.malformed.entries import ENTRIES, harmless
from tests.malformed.masks import MASKS
from tests.malformed.nifti import NIFTI
from tests.malformed.text_headers import TEXT_HEADERS
from tests.scans.scan_images import write_folder

_ADDRESS_SPACE = 4 * 2**30
SAID = ("renderbench: ", "dataset ")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of stage 1 over one raw folder left behind."""

    raw: Path
    folder: Path
    exit_code: int
    stdout: str
    stderr: str

    @property
    def record(self) -> dict:
        return json.loads((self.folder / "dataset.json").read_text(encoding="utf-8"))

    @property
    def lines(self) -> list[str]:
        """One a rejected scan, without what a log shows of progress."""
        return [line for line in self.stderr.splitlines() if line.startswith("renderbench: ")]


@dataclass(frozen=True, kw_only=True)
class Ward:
    """Malformed scans that lie in one raw folder, and the dataset that they are given as."""

    dataset: str = "folder"
    bad: Group
    good: Callable[[Path], None]
    names: tuple[str, ...] = GOOD


def two_folders(raw: Path) -> None:
    for name in GOOD:
        write_folder(raw / name)


def two_folders_and_more(raw: Path) -> None:
    two_folders(raw)
    harmless(raw)


WARDS = {
    "nifti": Ward(bad=NIFTI, good=two_folders),
    "masks": Ward(bad=MASKS, good=two_folders),
    "text-headers": Ward(bad=TEXT_HEADERS, good=two_folders),
    "entries": Ward(bad=ENTRIES, good=two_folders_and_more),
    "dicom": Ward(bad=DICOM, good=two_folders),
    "totalsegmentator": Ward(
        dataset="totalsegmentator", bad=published.TOTALSEGMENTATOR, good=published.sound_totalsegmentator
    ),
    "ct-org": Ward(
        dataset="ct-org", bad=published.CT_ORG, good=published.sound_ct_org, names=published.CT_ORG_GOOD
    ),
    "ctpelvic1k": Ward(
        dataset="ctpelvic1k",
        bad=published.CTPELVIC1K,
        good=published.sound_ctpelvic1k,
        names=published.PELVIC_GOOD,
    ),
}
CASES = [(ward, name) for ward, each in WARDS.items() for name in each.bad]


def treated(ward: Ward, place: Path, timeout_s: float = 300) -> Outcome:
    """Stage 1 over a whole ward, in one run, in little memory."""
    raw, root = place / "raw", place / "root"
    raw.mkdir()
    ward.good(raw)
    for name, bad in ward.bad.items():
        bad.make(raw / (bad.entry or name))
    command = ["dataset", ward.dataset, "--raw", raw, "--root", root, "--cluster", "serial"]
    done = subprocess.run(
        [sys.executable, "-m", "renderbench", *map(str, command)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE)),
    )
    return Outcome(
        raw=raw,
        folder=root / "scans" / ward.dataset,
        exit_code=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
    )


@pytest.fixture(scope="module")
def outcome_of(tmp_path_factory) -> Callable[[str], Outcome]:
    """What became of a ward, which is treated once."""

    @cache
    def of(ward: str) -> Outcome:
        return treated(WARDS[ward], tmp_path_factory.mktemp(ward))

    return of


@pytest.mark.parametrize(("ward", "name"), CASES)
def test_a_malformed_scan_is_one_clear_line_and_nothing_else(outcome_of, ward, name):
    assert_one_clear_line(outcome_of(ward), name, WARDS[ward].bad[name])


@pytest.mark.parametrize("ward", WARDS)
def test_the_others_are_unharmed(outcome_of, ward):
    assert_unharmed(outcome_of(ward), WARDS[ward])


def test_no_line_and_no_record_names_a_patient(outcome_of):
    outcome = outcome_of("dicom")
    told = outcome.stderr + "".join(path.read_text() for path in outcome.folder.rglob("*.json"))
    assert not [secret for secret in SECRETS if secret in told]


def assert_one_clear_line(outcome: Outcome, name: str, bad: Bad) -> None:
    rejected = bad.name or name
    (reason,) = [each["reason"] for each in outcome.record["rejected"] if each["name"] == rejected]
    (kind,) = [each["kind"] for each in outcome.record["rejected"] if each["name"] == rejected]
    assert kind == bad.kind
    # The terminal may show what the record may not keep: names of files, between problem and remedy.
    problem, _, remedy = reason.rpartition("; ")
    (line,) = [
        each
        for each in outcome.lines
        if each.startswith(f"renderbench: {problem}") and each.endswith(f"; {remedy}")
    ]
    for word in bad.words:
        assert word in line
    # What and where: expected, found.
    assert ": " in problem
    assert line.isprintable()
    # The line names the file below the raw folder, which is nobody else's business.
    assert str(outcome.raw) not in line
    assert not [path for path in outcome.folder.iterdir() if path.name.startswith(rejected)]


def assert_unharmed(outcome: Outcome, ward: Ward) -> None:
    bad = ward.bad
    assert outcome.exit_code == 2, outcome.stderr
    assert [scan["name"] for scan in outcome.record["scans"]] == list(ward.names)
    for name in ward.names:
        ScanStore.open(outcome.folder / f"{name}.zarr").verify()
    assert sorted(path.name for path in outcome.folder.iterdir()) == sorted(
        ["dataset.json", *(f"{name}.{ending}" for name in ward.names for ending in ("zarr", "seconds.json"))]
    )
    counts = [f"{len(ward.names)} scans written", "0 already there"]
    left_out = sum(each.kind == "filter" for each in bad.values())
    counts += [f"{left_out} left out by the dataset's filters"] if left_out else []
    assert outcome.stdout.splitlines()[0] == ", ".join([*counts, f"{len(bad) - left_out} rejected"])
    assert len(outcome.lines) == len(bad)
    # Nothing else but progress: no traceback, no warning of a library's.
    strange = [line for line in outcome.stderr.splitlines() if not line.startswith(SAID)]
    assert not [line for line in strange if line.strip()]
