"""Wrong arguments of stage 1: one clear line, exit code 2, nothing made."""

from __future__ import annotations

import hashlib
import io
import os
import shlex
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from renderbench.cli import main
from tests.malformed.case import GOOD
from tests.scans.file_server import file_server
from tests.scans.scan_images import small_ct, write_folder, write_image

Said = tuple[int, list[str]]

DESCRIPTOR = """
title = "Ours"
reference = "none"
[[layouts]]
ct = "**/{scan}/ct.nii.gz"
labels = "**/{scan}/labels.nii.gz"
[values]
5 = "liver"
[splits]
test = ["good-1"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with raw data of several kinds and descriptors; tests only read it."""
    place = tmp_path_factory.mktemp("place")
    for name in GOOD:
        write_folder(place / "raw" / name)
    (place / "empty").mkdir()
    (place / "file").write_text("no folder\n")
    for name, text in DESCRIPTORS.items():
        (place / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    (place / "folder.toml").mkdir()
    (place / "farm.toml").write_text("[cluster]\nkind = 'slrm'\n")
    return place


def edited(old: str, new: str) -> str:
    assert old in DESCRIPTOR
    return DESCRIPTOR.replace(old, new)


DESCRIPTORS: dict[str, str | bytes] = {
    "sound": DESCRIPTOR,
    "misspelt": edited("reference", "refrence"),
    "lacking": edited('reference = "none"', ""),
    "broken": edited("[values]", "[values"),
    "latin-1": DESCRIPTOR.replace("Ours", "Für uns").encode("latin-1"),
    "no-label": edited("liver", "livre"),
    "no-group": edited("liver", "group:lungs"),
    "no-scan": edited("**/{scan}/ct", "**/ct"),
    "other-field": edited("{scan}/ct", "{scan}/{phase}/ct"),
    "no-masks": edited('labels = "**/{scan}/labels.nii.gz"', ""),
    "no-layout": 'title = "Ours"\nreference = "none"\nlayouts = []\n[splits]\n',
    "no-split": edited("test =", "tset ="),
    "no-number": edited("5 =", "five ="),
}


@pytest.fixture
def said(place, monkeypatch, capsys) -> Callable[..., Said]:
    """The exit code of a command line and what it says on stderr; ``PLACE`` stands for that folder."""

    def run(line: str, root: Path | str | None = None) -> Said:
        words = [word.replace("PLACE", str(place)) for word in shlex.split(line)]
        words += ["--root", str(root or place / "root")]
        monkeypatch.setattr(sys, "argv", ["renderbench", "dataset", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr().err.splitlines()

    return run


def assert_one_clear_line(said: Said, *words: str) -> None:
    code, lines = said
    assert code == 2
    (line,) = lines
    assert line.startswith("renderbench: ")
    assert "; " in line
    assert line.isprintable()
    for word in words:
        assert word in line


FOLDER = "folder --raw PLACE/raw"
MINE = "--raw PLACE/raw --cluster serial"

WRONG = {
    # What to take.
    "folders --raw PLACE/raw": ("dataset 'folders'", "did you mean 'folder'?"),
    "totalsegmentater --raw PLACE/raw": ("did you mean 'totalsegmentator'?",),
    "../ct-org --raw PLACE/raw": ("dataset '../ct-org'", "expected one of"),
    "folder": ("--raw", "give --raw DIR"),
    "ct-org": ("--raw", "give --raw DIR"),
    "phantom --raw PLACE/raw": ("--raw", "expected none for the phantom"),
    "folder --raw PLACE/nowhere": ("nowhere", "expected a folder of scans, found nothing"),
    "folder --raw PLACE/file": ("expected a folder of scans, found a file",),
    "folder --raw PLACE/empty": ("found an empty folder",),
    "folder --raw PLACE/raw/good-1": ("found ct.nii.gz directly in it", "parent folder"),
    "ct-org --raw PLACE/raw": ("expected CT-ORG: volume-SCAN.nii.gz", "found no such file"),
    "ct-org --raw PLACE/file": ("expected a folder, found a file",),
    "totalsegmentator --raw PLACE/empty": ("found no such file",),
    # How to take it.
    f"{FOLDER} --ignore-masks": ("--ignore-masks", "expected --segment with it"),
    f"{FOLDER} --segment totalsegmenter": ("did you mean 'totalsegmentator'?",),
    "ct-org --raw PLACE/raw --split train": ("--split", "expected none for ct-org"),
    "ct-org --raw PLACE/raw --series 1.2.3": ("--series", "expected none for ct-org"),
    f"{FOLDER} --scans nobody": ("--scans nobody", "found none by that name"),
    f"{FOLDER} --scans train": ("--scans train", "found test"),
    f"{FOLDER} --scans good-1,": ("--scans", "found none by that name"),
    f"{FOLDER} --scans ../good-1": ("--scans ../good-1", "found none by that name"),
    f"{FOLDER} --id a/b": ("dataset 'a/b'", "rename the dataset"),
    f"{FOLDER} --id ../../elsewhere": ("dataset '../../elsewhere'", "rename the dataset"),
    f"{FOLDER} --id 'two words'": ("dataset 'two words'",),
    # Where to work.
    f"{FOLDER} --cluster slrm:jobs=1": ("did you mean 'slurm'?",),
    f"{FOLDER} --cluster serial:2": ("expected nothing after the colon",),
    f"{FOLDER} --cluster local:0": ("workers", "greater than or equal to 1"),
    f"{FOLDER} --cluster local:memory=6": ("memory", "such as 6GiB"),
    f"{FOLDER} --cluster local:wrkers=2": ("did you mean 'workers'?",),
    f"{FOLDER} --cluster slurm:jobs=1": ("cores", "add this key"),
    f"{FOLDER} --cluster http://host:80": ("cluster 'http://host:80'",),
    f"{FOLDER} --cluster PLACE/nowhere.toml": ("nowhere.toml", "expected a TOML file"),
    f"{FOLDER} --cluster PLACE/farm.toml": ("farm.toml: cluster.kind", "did you mean 'slurm'?"),
    # Descriptors.
    f"PLACE/nowhere.toml {MINE}": ("nowhere.toml", "expected a TOML file, found none"),
    f"PLACE/folder.toml {MINE}": ("folder.toml", "expected a TOML file"),
    f"PLACE/broken.toml {MINE}": ("broken.toml", "found a syntax error", "line 7"),
    f"PLACE/latin-1.toml {MINE}": ("latin-1.toml", "expected TOML"),
    f"PLACE/misspelt.toml {MINE}": ("misspelt.toml: refrence", "did you mean 'reference'?"),
    f"PLACE/lacking.toml {MINE}": ("lacking.toml: reference", "add this key"),
    f"PLACE/no-label.toml {MINE}": ("no-label.toml: values", "'livre'; did you mean 'liver'?"),
    f"PLACE/no-group.toml {MINE}": ("no-group.toml: values", "did you mean 'group:lung'?"),
    f"PLACE/no-scan.toml {MINE}": ("no-scan.toml: layouts[0]", "expected {scan} in the pattern"),
    f"PLACE/other-field.toml {MINE}": ("expected {scan} in the pattern",),
    f"PLACE/no-masks.toml {MINE}": ("no-masks.toml: layouts[0]", "either labels or classes"),
    f"PLACE/no-layout.toml {MINE}": ("no-layout.toml: layouts", "at least 1 item"),
    f"PLACE/no-split.toml {MINE}": ("no-split.toml: splits.tset", "did you mean 'test'?"),
    f"PLACE/no-number.toml {MINE}": ("no-number.toml: values", "five"),
}

USAGE = {
    f"{FOLDER} --split tset": ("--split", "'train', 'val', 'test'"),
    f"{FOLDER} --interpolation cubic": ("--interpolation", "'linear', 'bspline'"),
    f"{FOLDER} --rot here": ("--rot",),
    "phantom --count 0": ("--count", "1"),
    "phantom --seed -1": ("--seed", "0"),
    "phantom --seed many": ("--seed", "integer"),
    "phantom --extent legs": ("--extent", "'torso', 'body', 'part'"),
    "": ("name",),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_argument_is_one_clear_line(said, place, line):
    assert_one_clear_line(said(line), *WRONG[line])
    assert not (place / "root").exists()


@pytest.mark.parametrize("line", USAGE)
def test_what_the_command_line_cannot_take_makes_nothing(said, place, line):
    code, lines = said(line)
    assert code == 2
    assert "Traceback" not in "".join(lines)
    assert not (place / "root").exists()


@pytest.mark.parametrize("line", USAGE)
def test_what_the_command_line_cannot_take_is_one_clear_line(said, line):
    assert_one_clear_line(said(line), *USAGE[line])


@pytest.mark.parametrize("root", ["PLACE/file", "PLACE/file/below", "/proc/renderbench"])
def test_a_root_that_cannot_be(said, place, root):
    root = root.replace("PLACE", str(place))
    assert_one_clear_line(said(FOLDER, root), f"--root {root}", "choose another --root")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("{", ("expected JSON",)),
        ("[]", ("dataset.json",)),
        ('{"schema": 99}', ("dataset.json", "99")),
        (b"\xff\xfe", ("expected JSON",)),
    ],
)
def test_a_record_that_is_none(said, tmp_path, record, words):
    path = tmp_path / "scans" / "folder" / "dataset.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(record if isinstance(record, bytes) else record.encode())
    assert_one_clear_line(said(FOLDER, tmp_path), *words)
    assert [each.name for each in path.parent.iterdir()] == ["dataset.json"]


TABLES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "absent": (Path.unlink, ("expected one meta.csv with the splits, found 0",)),
    "twice": (
        lambda path: path.with_name("again").mkdir() or (path.parent / "again" / path.name).touch(),
        ("expected one meta.csv with the splits, found 2",),
    ),
    "empty": (lambda path: path.write_bytes(b""), ("expected a column 'image_id'", "an empty table")),
    "commas": (
        lambda path: path.write_text("image_id,split\ngood-1,train\n"),
        ("expected a column 'image_id', found image_id,split",),
    ),
    "no splits": (
        lambda path: path.write_text("image_id;age\ngood-1;62\n"),
        ("expected a column 'split', found image_id, age",),
    ),
    "misspelt": (
        lambda path: path.write_text("image_id;split\ngood-1;trian\n"),
        ("meta.csv: line 2", "found 'trian'"),
    ),
    "short row": (
        lambda path: path.write_text("image_id;split\ngood-1\n"),
        ("meta.csv: line 2", "as split, found None"),
    ),
    "a scan twice": (
        lambda path: path.write_text("image_id;split\ngood-1;train\ngood-1;test\n"),
        ("meta.csv: line 3", "found good-1 again"),
    ),
    "no text": (lambda path: path.write_bytes(b"image_id;split\xff\n"), ("expected a table",)),
    "a long field": (
        lambda path: path.write_text("image_id;split\n" + "x" * 200_000 + ";train\n"),
        ("expected a table",),
    ),
    "a folder": (lambda path: path.unlink() or path.mkdir(), ("expected a file, found a folder",)),
    "a pipe": (lambda path: path.unlink() or os.mkfifo(path), ("expected a file, found a pipe",)),
    "endless": (
        lambda path: path.unlink() or path.symlink_to("/dev/zero"),
        ("expected a file, found a device",),
    ),
}


@pytest.mark.parametrize(("spoil", "words"), TABLES.values(), ids=TABLES)
def test_a_table_that_cannot_be_used(said, tmp_path, spoil, words):
    sound = tmp_path / "raw"
    (sound / GOOD[0]).mkdir(parents=True)
    write_image(sound / GOOD[0] / "ct.nii.gz", small_ct())
    (sound / "meta.csv").write_text(f"image_id;split\n{GOOD[0]};train\n")
    spoil(sound / "meta.csv")
    assert_one_clear_line(said(f"totalsegmentator --raw {sound}", tmp_path / "root"), "meta.csv", *words)
    assert not (tmp_path / "root").exists()


def test_a_field_that_a_pattern_names_twice_is_the_same_twice(said, place, tmp_path):
    """Folders that are named as the files in them are no mistake."""
    (tmp_path / "mine.toml").write_text(
        DESCRIPTOR.replace("{scan}/ct", "{scan}/{scan}").replace("{scan}/labels", "{scan}/{scan}_labels")
    )
    write_image(tmp_path / "raw" / "a" / "b.nii.gz", small_ct())
    line = f"{tmp_path}/mine.toml --raw {tmp_path}/raw"
    assert_one_clear_line(said(line, tmp_path / "root"), "expected Ours: SCAN/SCAN.nii.gz")


DOWNLOAD = """
title = "Hostile CT"
doi = "10.5281/zenodo.1"
homepage = "https://example.org/"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
citation = "Nobody 2026"
raw = "scans"
base_url = "{address}/"
[[files]]
name = "scans.zip"
bytes = {bytes}
checksum = "sha256:{checksum}"
"""


def test_a_published_archive_that_climbs_out_of_its_folder(renderbench, tmp_path):
    """Its checksum is what the description says; it is hostile all the same."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("s0001/ct.nii.gz", b"a scan")
        archive.writestr("../../evil", b"not a scan")
    content = packed.getvalue()
    with file_server() as server:
        server.files["/scans.zip"] = content
        description = tmp_path / "hostile.toml"
        checksum = hashlib.sha256(content).hexdigest()
        description.write_text(DOWNLOAD.format(address=server.address, bytes=len(content), checksum=checksum))
        done = renderbench("download", description, "--to", tmp_path / "a" / "data", "--yes")
    lines = [line for line in done.stderr.splitlines() if line.startswith("renderbench: ")]
    assert_one_clear_line((done.returncode, lines), "scans.zip", "'../../evil'", "leads outside")
    assert "Traceback" not in done.stderr
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in left if "/." not in path} == {"hostile.toml", "a/data/scans.zip"}
