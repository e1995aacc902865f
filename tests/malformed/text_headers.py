"""Malformed NRRD and MetaImage files as CT."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.malformed.case import Bad, Group
from tests.scans.scan_images import small_ct, small_labels, write_image

NRRD = {
    "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "20 16 12",
    "space directions": "(2,0,0) (0,2,0) (0,0,3)", "endian": "little", "encoding": "raw",
    "space origin": "(10,-20,30)",
}  # fmt: skip
METAIMAGE = {
    "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False", "TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "10 -20 30",
    "ElementSpacing": "2 2 3", "DimSize": "20 16 12", "ElementType": "MET_SHORT", "ElementDataFile": "LOCAL",
}  # fmt: skip
VOXELS = small_ct().tobytes()


def image(suffix: str, header: Callable[[], bytes], voxels: bytes, words: tuple[str, ...]) -> Bad:
    """A scan whose CT has this header and these voxels."""

    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / f"ct{suffix}").write_bytes(header() + voxels)
        write_image(folder / f"labels{suffix}", small_labels())

    return Bad(make=make, words=(f"/ct{suffix}: ", *words))


def nrrd(
    *words: str, voxels: bytes = VOXELS, magic: str = "NRRD0004", lacks: str | None = None, **fields: str
) -> Bad:
    """A scan with an NRRD; a field's spaces are underscores."""
    named = NRRD | {name.replace("_", " "): value for name, value in fields.items()}
    lines = [magic, *(f"{name}: {value}" for name, value in named.items() if name != lacks)]
    return image(".nrrd", lambda: ("\n".join(lines) + "\n\n").encode(), voxels, words)


def mha(*words: str, voxels: bytes = VOXELS, lacks: str | None = None, **fields: str) -> Bad:
    """A scan with a MetaImage."""
    named = {name: value for name, value in (METAIMAGE | fields).items() if name != lacks}
    # The data file comes last, whatever is changed.
    named["ElementDataFile"] = named.pop("ElementDataFile")
    lines = [f"{name} = {value}\n" for name, value in named.items()]
    return image(".mha", lambda: "".join(lines).encode(), voxels, words)


HUGE = "9" * 5000

TEXT_HEADERS: Group = {
    "nrrd-text": nrrd("does not begin with its header", magic="not NRRD"),
    "nrrd-without-end": nrrd("found no end of it", magic="NRRD0004\n" + "#" * (1 << 20)),
    "nrrd-without-sizes": nrrd("expected the field 'sizes'", lacks="sizes"),
    "nrrd-without-space": nrrd("orientation in the patient", "found 'none'", lacks="space"),
    "nrrd-without-endian": nrrd("expected the field 'endian'", lacks="endian"),
    "nrrd-two-sizes": nrrd("expected a 3-D image", "found 20 × 16", sizes="20 16"),
    "nrrd-colours": nrrd("expected a 3-D image", "3 × 20 × 16 × 12", sizes="3 20 16 12"),
    "nrrd-words-for-sizes": nrrd("expected whole numbers as 'sizes'", sizes="twenty 16 12"),
    "nrrd-no-slices": nrrd("found 20 × 16 × 0 voxels", sizes="20 16 0"),
    "nrrd-30000-cubed": nrrd("at most 4 billion voxels", sizes="30000 30000 30000"),
    "nrrd-5000-digits": nrrd("expected", "sizes", sizes=f"20 16 {HUGE}"),
    "nrrd-skips-5000-digits": nrrd("expected", "byte skip", byte_skip=HUGE),
    "nrrd-more-than-is-there": nrrd("truncated one (7680 of 8320 bytes", sizes="20 16 13"),
    "nrrd-a-block": nrrd("expected one number per voxel, found type 'block'", type="block"),
    "nrrd-bzip2": nrrd("raw or gzip, found the encoding 'bzip2'", encoding="bzip2"),
    "nrrd-half-a-gzip": nrrd("truncated", encoding="gzip", voxels=gzip.compress(VOXELS)[:4000]),
    "nrrd-raw-for-gzip": nrrd("damaged", encoding="gzip"),
    "nrrd-nan-spacing": nrrd("positive voxel spacing", space_directions="(nan,0,0) (0,2,0) (0,0,3)"),
    "nrrd-zero-spacing": nrrd("positive voxel spacing", space_directions="(2,0,0) (0,0,0) (0,0,3)"),
    "nrrd-huge-spacing": nrrd("voxel spacing", space_directions="(1e200,0,0) (0,1e200,0) (0,0,1e200)"),
    "nrrd-sheared": nrrd("direction is not orthonormal", space_directions="(2,0,0) (1,2,0) (0,0,3)"),
    "nrrd-infinite-origin": nrrd("invertible orientation", space_origin="(1e999,0,0)"),
    "nrrd-climbs-out": nrrd("beside the header", data_file="../../../etc/passwd"),
    "nrrd-elsewhere": nrrd("beside the header", data_file="/etc/passwd"),
    "nrrd-of-many-files": nrrd("found a list of files", data_file="slice%03d.raw 1 12 1"),
    "nrrd-alone": nrrd("found no such file", data_file="voxels.raw"),
    "mha-text": mha("does not begin with its header", lacks="DimSize"),
    "mha-30000-cubed": mha("at most 4 billion voxels", DimSize="30000 30000 30000"),
    "mha-1500-cubed": mha("truncated", DimSize="1500 1500 1500"),
    "mha-5000-digits": mha("expected", "DimSize", DimSize=f"20 16 {HUGE}"),
    "mha-negative-size": mha("found 20 × -16 × 12 voxels", DimSize="20 -16 12"),
    "mha-half": mha("truncated one (4000 of 7680 bytes", voxels=VOXELS[:4000]),
    "mha-half-compressed": mha("truncated", CompressedData="True", voxels=zlib.compress(VOXELS)[:4000]),
    "mha-not-compressed": mha("damaged", CompressedData="True"),
    "mha-text-voxels": mha("expected binary voxels", BinaryData="False"),
    "mha-three-channels": mha("expected one number per voxel", ElementNumberOfChannels="3"),
    "mha-long": mha("expected one number per voxel", "MET_LONG", ElementType="MET_LONG"),
    "mha-nan-spacing": mha("positive voxel spacing", ElementSpacing="2 nan 3"),
    "mha-two-spacings": mha("expected 3 numbers as 'ElementSpacing'", ElementSpacing="2 2"),
    "mha-singular": mha("invertible orientation", TransformMatrix="1 0 0 1 0 0 0 0 1"),
    "mha-slope-zero": mha("expected a finite scaling", ElementToIntensityFunctionSlope="0"),
    "mha-slope-nan": mha("expected a finite scaling", ElementToIntensityFunctionSlope="nan"),
    "mha-climbs-out": mha("beside the header", ElementDataFile="..\\..\\passwd"),
    "mha-of-many-files": mha("found a list of files", ElementDataFile="LIST"),
}
