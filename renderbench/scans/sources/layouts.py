"""Finding the scans of a described dataset: paths against the patterns of its descriptor."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.scans.raw import ClassFiles, LabelFile, Masks, RawScan
from renderbench.scans.sources.descriptors import Descriptor, Edition, Layout
from renderbench.scans.sources.entries import fault_of, named_as_image, require_file
from renderbench.scans.sources.splits import Assignment


def find_described(descriptor: Descriptor, raw: Path) -> tuple[list[RawScan], list[InputError]]:
    """The scans of a dataset below ``raw``, by name, and what is wrong with those that are not whole.

    Raises:
        InputError: ``raw`` is no folder, no file in it matches, or the dataset's table of splits is bad.
    """
    found = [_matches(layout, raw) for layout in descriptor.layouts]
    claimed: dict[Path, tuple[Layout, str, _Matches]] = {}
    for layout, matches in zip(descriptor.layouts, found, strict=True):
        for scan, paths in matches.ct.items():
            for path in paths:
                claimed.setdefault(path, (layout, scan, matches))
    if not claimed:
        expected = " or ".join(_readable(layout.ct) for layout in descriptor.layouts)
        raise InputError(
            f"--raw {raw}",
            f"expected {descriptor.title}: {expected}; found no such file",
            "give the folder that the archive was unpacked into",
        )
    by_name: dict[str, list[tuple[Path, Layout, str, _Matches]]] = {}
    for path, (layout, scan, matches) in sorted(claimed.items()):
        by_name.setdefault(layout.name.replace("{scan}", scan), []).append((path, layout, scan, matches))
    names = sorted(by_name, key=natural)
    splits = Assignment.of(descriptor.splits, names, raw)
    scans, faults = [], list(_masks_alone(descriptor, found, claimed, raw))
    for name in names:
        try:
            checked_name(name, "scan")
            path, layout, scan, matches = _only(name, by_name[name])
            masks = _masks(descriptor, layout, scan, matches)
            scans.append(RawScan(name=name, ct=require_file(path), masks=masks, split=splits.split(name)))
        except InputError as error:
            faults.append(fault_of(name, raw, error))
    return scans, faults


def natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts ``volume-2`` before ``volume-10``."""
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part
    ]


@dataclass(frozen=True)
class _Matches:
    """The files that one layout's patterns match, by scan."""

    ct: dict[str, list[Path]] = field(default_factory=dict)
    labels: dict[str, list[Path]] = field(default_factory=dict)
    classes: dict[str, dict[str, list[Path]]] = field(default_factory=dict)


def _matches(layout: Layout, raw: Path) -> _Matches:
    if not raw.is_dir():
        found = "a file" if raw.exists() else "nothing"
        raise InputError(f"--raw {raw}", f"expected a folder, found {found}", "correct the path")
    ct, labels, classes = (_regex(pattern) for pattern in (layout.ct, layout.labels, layout.classes))
    matches = _Matches()
    for relative in _files(raw):
        if ct and (match := ct.fullmatch(relative)):
            matches.ct.setdefault(match["scan"], []).append(raw / relative)
        elif labels and (match := labels.fullmatch(relative)):
            matches.labels.setdefault(match["scan"], []).append(raw / relative)
        elif classes and (match := classes.fullmatch(relative)):
            of_scan = matches.classes.setdefault(match["scan"], {})
            of_scan.setdefault(match["class"], []).append(raw / relative)
    return matches


def _files(raw: Path) -> Iterator[str]:
    """Every file below ``raw``, as a relative path with slashes; hidden ones are none of ours.

    A folder by the name of an image is among them: something went wrong there, and it should be heard of.
    """
    for folder, folders, files in os.walk(raw, onerror=_refuse):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        inside = Path(folder).relative_to(raw)
        for name in sorted({*files, *(each for each in folders if named_as_image(Path(each)))}):
            if not name.startswith("."):
                yield (inside / name).as_posix()


def _refuse(error: OSError) -> None:
    raise InputError(
        error.filename, f"expected a readable folder, found that it is not ({error.strerror})", "check it"
    ) from None


def _regex(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    made = "(?s)"  # names may hold anything, even the end of a line
    for part in re.split(r"(\*\*/|\*|\{\w+\})", pattern):
        if part == "**/":
            made += "(?:.*/)?"
        elif part == "*":
            made += "[^/]*"
        elif part.startswith("{"):
            # The second time, the same again.
            field = part[1:-1]
            made += f"(?P={field})" if f"(?P<{field}>" in made else f"(?P<{field}>[^/]+)"
        else:
            made += re.escape(part)
    return re.compile(made)


def _readable(pattern: str) -> str:
    return pattern.removeprefix("**/").replace("{scan}", "SCAN").replace("{class}", "CLASS")


def _only(name: str, found: list[tuple[Path, Layout, str, _Matches]]) -> tuple[Path, Layout, str, _Matches]:
    if len(found) > 1:
        raise InputError(
            f"scan {name}",
            f"expected one CT, found {len(found)}: {' and '.join(str(path) for path, *_ in found[:2])}",
            "keep one of them",
        )
    return found[0]


def _masks(descriptor: Descriptor, layout: Layout, scan: str, matches: _Matches) -> Masks | None:
    if layout.labels is not None:
        paths = matches.labels.get(scan, [])
        if len(paths) > 1:
            raise InputError(
                paths[1], f"expected one file of labels a scan, found also {paths[0]}", "keep one of them"
            )
        if not paths:
            return None
        path = require_file(paths[0])
        return LabelFile(path=path, values=descriptor.label_values, sided=descriptor.label_sides)
    classes = matches.classes.get(scan)
    if not classes:
        return None
    for paths in classes.values():
        if len(paths) > 1:
            raise InputError(
                paths[1], f"expected one mask a class, found also {paths[0]}", "keep one of them"
            )
    files = {name: require_file(paths[0]) for name, paths in classes.items()}
    edition = _edition(descriptor.editions, files)
    return ClassFiles(files=files, values=edition.values)


def _edition(editions: list[Edition], files: dict[str, Path]) -> Edition:
    """The edition whose classes these are: all of them, and no others."""
    for edition in editions:
        if set(edition.values) == set(files):
            return edition
    folder = next(iter(files.values())).parent
    likely = max(editions, key=lambda edition: len(set(edition.values) & set(files)) / len(edition.values))
    missing = sorted(set(likely.values) - set(files))
    unknown = sorted(set(files) - set(likely.values))
    if missing:
        listed = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise InputError(
            folder,
            f"expected the {len(likely.values)} classes of {likely.title}, found {len(files)}; "
            f"{len(missing)} missing: {listed}",
            "unpack the archive again",
        )
    close = difflib.get_close_matches(unknown[0], likely.values, n=1)
    raise InputError(
        files[unknown[0]],
        f"expected the classes of {likely.title}, found another by the name {unknown[0]!r}",
        f"did you mean {close[0]!r}?" if close else "remove it",
    )


def _masks_alone(
    descriptor: Descriptor,
    found: list[_Matches],
    claimed: dict[Path, tuple[Layout, str, _Matches]],
    raw: Path,
) -> Iterator[InputError]:
    """Masks whose CT is missing: half a download, more often than not."""
    with_ct = {scan for _, scan, _ in claimed.values()}
    alone: dict[str, list[Layout]] = {}
    for layout, matches in zip(descriptor.layouts, found, strict=True):
        for scan in sorted({*matches.labels, *matches.classes} - with_ct):
            alone.setdefault(scan, []).append(layout)
    for scan, layouts in alone.items():
        # Layouts may share their masks; the last one takes what no special one does.
        name = layouts[-1].name.replace("{scan}", scan)
        ct = " or ".join(_readable(layout.ct).replace("SCAN", scan) for layout in layouts)
        missing = f"expected its CT ({ct}) beside its masks, found none"
        yield fault_of(name, raw, InputError(f"scan {name}", missing, "unpack the archive again"))
