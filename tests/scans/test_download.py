"""Downloads against a local server: resumed, checked, unpacked, and one line when something is wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, file_server

from renderbench.config import parse_model
from renderbench.errors import InputError, JobError
from renderbench.scans.download import (
    Download,
    load_download,
    plan_download,
    run_download,
    shipped_downloads,
)
from renderbench.scans.download.fetching import ResumingDownloader
from tests.conftest import Command

ZIP = "ct scans.zip"
SERVED = "/files/ct%20scans.zip"
SCAN = random.Random(0).randbytes(3_000_000)


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("s0001/ct.nii.gz", SCAN)
        opened.writestr("meta.csv", "image_id;split\n")
    return buffer.getvalue()


CONTENT = archive()
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
NO_PAUSES = (0.0, 0.0)
# The downloader writes in blocks of 64 KiB: a cut at the end of one loses nothing.
BLOCK = 1 << 16
CUT = 16 * BLOCK


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as running:
        running.files[SERVED] = CONTENT
        yield running


def described(server: FileServer, **changes: object) -> Download:
    payload: dict[str, object] = {
        "title": "Fake CT",
        "doi": "10.5281/zenodo.1",
        "homepage": "https://example.org/fake",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "citation": "Nobody 2026",
        "raw": "ct scans",
        "base_url": f"{server.address}/files/",
        "files": [{"name": ZIP, "bytes": len(CONTENT), "checksum": MD5}],
    }
    return parse_model(Download, payload | changes, "fake.toml")


def bring(download: Download, folder: Path, **options: object) -> list[str]:
    plan = plan_download(download, folder)
    return run_download(plan, pauses_s=NO_PAUSES, **options)  # type: ignore[arg-type]


def visible(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def test_a_dataset_arrives_unpacked_and_a_second_run_does_nothing(server, tmp_path):
    download = described(server)
    plan = plan_download(download, tmp_path / "new" / "data")
    assert plan.to_download_bytes == len(CONTENT)
    assert plan.needed_bytes == 2 * len(CONTENT)
    assert not (tmp_path / "new").exists()
    assert run_download(plan) == [ZIP]
    assert visible(plan.folder) == ["ct scans"]
    assert (plan.raw / "s0001" / "ct.nii.gz").read_bytes() == SCAN
    asked = len(server.requests)
    server.files.clear()
    assert bring(download, plan.folder) == []
    assert len(server.requests) == asked


def test_kept_archives_and_archives_left_packed(server, tmp_path):
    bring(described(server), tmp_path / "kept", keep_archives=True)
    assert visible(tmp_path / "kept") == ["ct scans", ZIP]
    plan = plan_download(described(server), tmp_path / "packed", unpack=False)
    assert plan.needed_bytes == len(CONTENT)
    run_download(plan)
    assert visible(tmp_path / "packed") == [ZIP]
    again = plan_download(described(server), tmp_path / "packed", unpack=False)
    assert again.files[0].done
    # What lies there already is unpacked without another download.
    server.files.clear()
    bring(described(server), tmp_path / "packed")
    assert visible(tmp_path / "packed") == ["ct scans"]


def test_a_cut_connection_goes_on_where_it_broke(server, tmp_path):
    server.cut_after = [CUT, 8 * BLOCK]
    bring(described(server), tmp_path)
    assert [span for _, span, _ in server.requests] == [None, f"bytes={CUT}-", f"bytes={24 * BLOCK}-"]
    assert [condition for *_, condition in server.requests] == [None, '"one"', '"one"']
    assert (tmp_path / "ct scans" / "s0001" / "ct.nii.gz").read_bytes() == SCAN


def test_a_later_run_goes_on_where_an_earlier_one_gave_up(server, tmp_path):
    server.cut_after = [CUT, 0, 0]
    with pytest.raises(JobError, match=r"broken after 1\.0 MB .*goes on from here"):
        bring(described(server), tmp_path)
    assert visible(tmp_path) == [f"{ZIP}.part", f"{ZIP}.part.json"]
    plan = plan_download(described(server), tmp_path)
    assert plan.to_download_bytes == len(CONTENT) - CUT
    server.requests.clear()
    run_download(plan)
    assert server.requests == [(SERVED, f"bytes={CUT}-", '"one"')]
    assert visible(tmp_path) == ["ct scans"]


def test_an_interrupt_keeps_what_came(server, tmp_path, monkeypatch):
    from renderbench.scans.download import fetching

    server.cut_after = [CUT]
    monkeypatch.setattr(fetching.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bring(described(server), tmp_path)
    assert (tmp_path / f"{ZIP}.part").stat().st_size == CUT
    assert not (tmp_path / ZIP).exists()


def interrupt(_: float) -> None:
    raise KeyboardInterrupt


def test_every_attempt_that_brings_something_earns_new_ones(server, tmp_path):
    server.cut_after = [6 * BLOCK + 1] * 7
    bring(described(server), tmp_path)
    assert len(server.requests) == 8


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges = False
    server.cut_after = [CUT]
    bring(described(server), tmp_path)
    assert (tmp_path / "ct scans" / "s0001" / "ct.nii.gz").read_bytes() == SCAN


def test_a_server_that_always_breaks_off_and_starts_over_is_given_up(server, tmp_path):
    server.ranges = False
    server.cut_after = [CUT, BLOCK] * 20
    with pytest.raises(JobError, match="connection broken"):
        bring(described(server), tmp_path)
    assert len(server.requests) == 1 + len(NO_PAUSES)


def test_a_file_that_changed_since_is_not_patched_together(server, tmp_path):
    (tmp_path / f"{ZIP}.part").write_bytes(bytes(1_000_000))
    (tmp_path / f"{ZIP}.part.json").write_text(json.dumps({"validator": '"older"'}))
    bring(described(server), tmp_path)
    assert server.requests == [(SERVED, "bytes=1000000-", '"older"')]
    assert (tmp_path / "ct scans" / "s0001" / "ct.nii.gz").read_bytes() == SCAN


def test_a_part_of_another_file_is_noticed_by_the_checksum(server, tmp_path):
    server.etag = ""
    (tmp_path / f"{ZIP}.part").write_bytes(bytes(1_000_000))
    with pytest.raises(JobError, match=f"expected {MD5}, found [0-9a-f]{{32}}"):
        bring(described(server), tmp_path)
    assert visible(tmp_path) == []
    assert bring(described(server), tmp_path) == [ZIP]


def test_a_part_longer_than_the_file_starts_over(server, tmp_path):
    (tmp_path / f"{ZIP}.part").write_bytes(CONTENT + b"more")
    bring(described(server), tmp_path)
    assert [span for _, span, _ in server.requests] == [f"bytes={len(CONTENT) + 4}-", None]


def test_a_part_that_is_whole_needs_no_request(server, tmp_path):
    (tmp_path / f"{ZIP}.part").write_bytes(CONTENT)
    bring(described(server), tmp_path)
    assert server.requests == []


def test_a_changed_file_is_refused_by_size_before_it_is_downloaded(server, tmp_path):
    server.files[SERVED] = CONTENT + b"changed"
    with pytest.raises(JobError, match=f"expected {len(CONTENT)} bytes, found {len(CONTENT) + 7}"):
        bring(described(server), tmp_path)
    assert visible(tmp_path) == []


def test_a_changed_file_of_the_same_size_is_refused_by_checksum(server, tmp_path):
    server.files[SERVED] = CONTENT[:-1] + b"x"
    with pytest.raises(JobError, match="expected md5:"):
        bring(described(server), tmp_path)
    assert visible(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_missing_file_is_one_line_at_once(server, tmp_path, status):
    server.statuses = [status]
    with pytest.raises(JobError, match=f"found status {status}") as caught:
        bring(described(server), tmp_path)
    assert len(server.requests) == 1
    assert "\n" not in str(caught.value)


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.statuses = [503, 429]
    assert bring(described(server), tmp_path) == [ZIP]


def test_a_server_that_stays_busy_is_one_line(server, tmp_path):
    server.statuses = [503] * 10
    with pytest.raises(JobError, match=r"broken before anything came \(status 503\)"):
        bring(described(server), tmp_path)
    assert len(server.requests) == len(NO_PAUSES) + 1


def test_no_server_is_one_line(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(JobError, match="refused") as caught:
            bring(described(server, base_url=address), tmp_path)
    assert "\n" not in str(caught.value)


def test_two_processes_do_not_write_one_part(server, tmp_path):
    downloader = ResumingDownloader(final=tmp_path / ZIP)
    with downloader._alone(), pytest.raises(InputError, match="another process"):
        bring(described(server), tmp_path)


def test_another_file_in_the_way_stays_untouched(server, tmp_path):
    (tmp_path / ZIP).write_text("mine")
    with pytest.raises(InputError, match="another checksum; move it away"):
        bring(described(server), tmp_path)
    assert (tmp_path / ZIP).read_text() == "mine"


def test_a_folder_in_the_way_stays_untouched(server, tmp_path):
    (tmp_path / "ct scans").mkdir()
    (tmp_path / "ct scans" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="found something else; move it away"):
        plan_download(described(server), tmp_path)
    assert visible(tmp_path / "ct scans") == ["notes.txt"]


def test_a_damaged_archive_with_the_right_checksum_leaves_nothing_unpacked(server, tmp_path):
    broken = CONTENT[: len(CONTENT) // 2]
    server.files[SERVED] = broken
    files = [{"name": ZIP, "bytes": len(broken), "checksum": f"md5:{hashlib.md5(broken).hexdigest()}"}]
    with pytest.raises(InputError, match="damaged"):
        bring(described(server, files=files), tmp_path)
    assert visible(tmp_path) == [ZIP]


def test_too_little_disk_is_said_before_anything_is_downloaded(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 5_000_000}))
    with pytest.raises(
        InputError, match=r"expected 0\.0 GB of free disk, found 0\.0 GB; free some, .*--no-unpack"
    ):
        plan_download(described(server), tmp_path)
    assert plan_download(described(server), tmp_path, unpack=False).to_download_bytes == len(CONTENT)
    assert server.requests == []


@pytest.fixture
def doi(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """A DOI that leads to a record on the local server, read by pooch's own account of Zenodo."""
    from pooch import downloaders

    monkeypatch.setattr(downloaders, "doi_to_url", lambda doi, **_: "https://zenodo.org/records/1")
    monkeypatch.setattr(downloaders.ZenodoRepository, "base_api_url", f"{server.address}/api/records")
    file = {"key": ZIP, "checksum": MD5, "links": {"self": f"{server.address}{SERVED}"}}
    server.files["/api/records/1"] = json.dumps({"id": 1, "files": [file]}).encode()
    return server


def test_the_record_of_a_doi_tells_what_the_description_lacks(doi, tmp_path):
    download = described(doi, base_url=None, files=[{"name": ZIP}])
    plan = plan_download(download, tmp_path)
    assert (plan.files[0].file.bytes, plan.files[0].file.checksum) == (len(CONTENT), MD5)
    assert run_download(plan) == [ZIP]
    doi.files.clear()
    assert bring(download, tmp_path) == []


def test_a_description_that_lacks_nothing_asks_nobody_before_the_download(doi, tmp_path):
    plan_download(described(doi, base_url=None), tmp_path)
    assert doi.requests == []


def test_a_record_without_the_file_is_one_line(doi, tmp_path):
    with pytest.raises(JobError, match=r"doi:10\.5281/zenodo\.1: expected its record to list the files"):
        plan_download(described(doi, base_url=None, files=[{"name": "other.zip"}]), tmp_path)


def test_a_record_that_is_no_record_is_one_line(doi, tmp_path):
    doi.files["/api/records/1"] = b"<html>maintenance</html>"
    with pytest.raises(JobError, match="expected its record to list the files") as caught:
        plan_download(described(doi, base_url=None, files=[{"name": ZIP}]), tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", shipped_downloads())
def test_the_shipped_descriptions_are_whole(name):
    download = load_download(name)
    assert download.homepage.startswith("https://")
    assert download.base_url is None
    if download.files:
        assert download.doi.startswith("10.5281/zenodo.")


def test_the_datasets_of_the_paper_are_described():
    assert {"totalsegmentator", "ct-org", "ctpelvic1k"} <= set(shipped_downloads())


def test_an_unknown_dataset_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'totalsegmentator'"):
        load_download("totalsegmenter")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"files": [{"name": "../evil.zip", "checksum": MD5}]}, "name"),
        ({"files": [{"name": ZIP, "checksum": "crc32:1234"}]}, "checksum"),
        ({"files": [{"name": ZIP}]}, "expected a checksum for every file"),
        ({"files": []}, "either files or instructions"),
        ({"liscence": "MIT"}, "did you mean 'licence'"),
    ],
)
def test_a_wrong_description_is_one_line(server, change, problem):
    with pytest.raises(InputError, match=problem):
        described(server, **change)


def toml(server: FileServer, folder: Path) -> Path:
    download = described(server)
    keys = ("title", "doi", "homepage", "licence", "licence_url", "citation", "raw", "base_url")
    lines = [f"{key} = {json.dumps(getattr(download, key))}" for key in keys]
    file = {key: value for key, value in download.files[0].model_dump().items() if value}
    lines += ["[[files]]", *(f"{key} = {json.dumps(value)}" for key, value in file.items())]
    path = folder / "fake.toml"
    path.write_text("\n".join(lines))
    return path


def test_the_verb_says_what_it_costs_and_brings_it(server, tmp_path, renderbench: Command):
    arguments = ("download", toml(server, tmp_path), "--to", tmp_path / "data")
    refused = renderbench(*arguments)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "add --yes" in refused.stderr
    for shown in ("Fake CT", "CC BY 4.0", "Nobody 2026", "10.5281/zenodo.1", "free)", "3.000 MB", "of disk"):
        assert shown in refused.stdout
    assert server.requests == []
    done = renderbench(*arguments, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "downloaded": [ZIP],
        "to": str(tmp_path / "data"),
        "raw": str(tmp_path / "data" / "ct scans"),
    }
    again = renderbench(*arguments)
    assert again.returncode == 0
    assert "already there" in again.stdout


def test_the_verb_prints_the_steps_where_no_program_can(tmp_path, renderbench: Command):
    told = renderbench("download", "ct-org", "--to", tmp_path, "--yes")
    assert told.returncode == 2
    assert "CC BY 3.0" in told.stdout
    assert f"Save the package to {tmp_path}" in told.stdout
    assert told.stderr.count("\n") == 1
