"""Every command that a document shows is one that this checkout knows."""

import pytest

from tests.conftest import REPOSITORY
from tests.documents import WrongCommand, check, commands, documents

SHOWN = [
    each
    for path in documents()
    for each in commands(path.read_text(), path.relative_to(REPOSITORY).as_posix())
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: f"{shown.where}-{' '.join(shown.words[:3])}")
def test_every_command_of_the_documents_is_known(shown):
    check(shown.words)


def test_commands_are_found_in_every_place_they_stand_in():
    """By the documents that are known to have some, so that a reader that finds nothing fails."""
    found = {each.where.split(":")[0] for each in SHOWN}
    assert {
        "README.md",
        "docs/ground-truth.md",
        "docs/leaderboard.md",
        "docs/real-ct.md",
        "docs/renderfm.md",
        "docs/tables.md",
        "docs/viewers.md",
        "pbrt_scenes/EXPORT.md",
    } <= found
    assert {each.words[0] for each in SHOWN} == {"renderbench", "make", "python"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("renderbench grundtruth --root R", "no verb 'grundtruth'"),
        ("renderbench leaderboard import --root R", "renderbench leaderboard has no verb 'import'"),
        ("renderbench groundtruth --root R --suite paper --import-from D", "--import-from"),
        ("renderbench groundtruth --root R --suite paper --renderer cycles", "'cycles'"),
        ("renderbench groundtruth --root R", "--suite"),
        ("renderbench run --root R --suite demo --method", "--method"),
        ("renderbench run --root R --suite demo --method nerf", "suite demo has no method 'nerf'"),
        ("renderbench status --root R --suite labtop", "no suite 'labtop'"),
        ("renderbench status --root R surplus", "surplus"),
        ("make demos", "no target 'demos'"),
        ("make run SUIT=demo", "no variable 'SUIT'"),
        ("python benchmarks/rasters.py", "there is no benchmarks/rasters.py"),
        ("python benchmarks/raster.py --fast", "no option --fast"),
        ("renderbench status --root 'R", "not a command line"),
    ],
)
def test_a_wrong_command_is_told(line, why):
    with pytest.raises(WrongCommand, match=why):
        check_all(f"Text.\n\n```\n{line}\n```\n")


def check_all(document: str) -> None:
    for shown in commands(document, "x.md"):
        check(shown.words)


def test_what_readers_skip_is_skipped_and_notation_is_read():
    text = """
```python
renderbench = "no shell"
```
```
ROOT/renderbench.txt   a listing
make demo     # sets up, then `renderbench demo`
for method in agp 6dgs; do renderbench run --root R \\
  --suite demo --method $method; done
renderbench tables --root R [--table 1|2] && make test
```
```console
$ renderbench doctor
renderbench run: what it printed, no command
```

    renderbench status --root R
"""
    found = [" ".join(each.words) for each in commands(text, "x.md")]
    assert found == [
        "make demo",
        "renderbench run --root R --suite demo --method $method",
        "renderbench tables --root R --table 1",
        "renderbench tables --root R --table 2",
        "make test",
        "renderbench doctor",
        "renderbench status --root R",
    ]
    where = [each.where for each in commands(text, "x.md")]
    assert where[0] == "x.md:7"
