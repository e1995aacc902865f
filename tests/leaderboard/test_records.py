"""Which records count: older schemas, damage, NaN, duplicates."""

import json

import pytest

from leaderboard.records import load_records, refuse_duplicates, usable_records
from renderbench.errors import InputError
from tests.records import record, write


@pytest.fixture
def root(tmp_path):
    write(tmp_path, record())
    write(tmp_path, record(scan="scan-2"))
    return tmp_path


def path_of(root, scan="scan-2"):
    return root / "runs" / "s" / "b" / scan / "agp" / "record.json"


def rewrite(path, change) -> None:
    payload = json.loads(path.read_text())
    change(payload)
    # Python writes NaN as others might; ours never does.
    path.write_text(json.dumps(payload))


def load(root, suite=None):
    lines = []
    return load_records(root / "runs", suite, announce=lines.append), lines


def test_sound_records_come_in_path_order_without_a_word(root):
    records, lines = load(root)
    assert [each.scan for each in records] == ["scan-1", "scan-2"]
    assert lines == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda payload: payload.update(schema=2), "expected run schema 3, found 2"),
        (lambda payload: payload["metrics"].update(psnr=float("nan")), "metrics.psnr"),
        (lambda payload: payload["metrics"].update(psnr=float("inf")), "metrics.psnr"),
        (lambda payload: payload["views"][0]["metrics"].update(ssim=float("nan")), "views"),
        (lambda payload: payload.update(fps=float("nan")), "fps"),
        (lambda payload: payload.pop("points"), "points"),
    ],
)
def test_an_unusable_record_is_left_out_and_named(root, change, words):
    rewrite(path_of(root), change)
    records, lines = load(root)
    assert [each.scan for each in records] == ["scan-1"]
    assert len(lines) == 1
    assert lines[0].startswith("left out: ")
    assert str(path_of(root)) in lines[0]
    assert words in lines[0]
    assert "\n" not in lines[0]


def test_half_a_file_is_left_out_and_named(root):
    path = path_of(root)
    path.write_text(path.read_text()[:200])
    records, lines = load(root)
    assert len(records) == len(lines) == 1


def test_nothing_usable_is_an_error_and_says_what_makes_records(root):
    for scan in ("scan-1", "scan-2"):
        rewrite(path_of(root, scan), lambda payload: payload.update(schema=2))
    lines = []
    with pytest.raises(InputError, match="none that can be used; make them with `renderbench run"):
        load_records(root / "runs", announce=lines.append)
    assert len(lines) == 2
    assert usable_records(root / "runs", announce=lines.append) == []


def test_one_suite_of_several(root):
    write(root, record(suite="other"))
    assert {each.suite for each in load(root, "other")[0]} == {"other"}
    with pytest.raises(InputError, match="expected run records of suite 'third', found none"):
        load(root, "third")


def test_two_records_of_one_run_are_refused_by_name(root):
    """A folder that somebody copied aside."""
    folder = root / "runs" / "s" / "b" / "scan-1" / "agp-old"
    folder.mkdir()
    record(finished="2025-01-01T00:00:00+00:00").write(folder)
    with pytest.raises(InputError) as caught:
        load(root)
    older, newer = str(caught.value).split("the newer")
    assert "s/b/scan-1/agp: expected one run, found two" in older
    assert "scan-1/agp-old" in older
    assert "scan-1/agp;" in newer
    assert "delete the one that should not count" in newer


def test_records_in_hand_are_told_apart_by_their_time():
    with pytest.raises(InputError, match=r"one that ended 2025.*newer one that ended 2026"):
        refuse_duplicates([record(), record(finished="2025-01-01T00:00:00+00:00")])
    refuse_duplicates(
        [record(), record(method="6dgs"), record(scan="x"), record(block="y"), record(suite="z")]
    )
