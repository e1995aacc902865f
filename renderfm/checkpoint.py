"""Checkpoints of trained models: one safetensors file with all that inference needs, and where they lie."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from renderbench.artefacts import digest_of_file, staged
from renderbench.config import Strict, parse_model
from renderbench.errors import InputError
from renderbench.layout import Root, checked_name
from renderbench.scans.fingerprint import Fingerprint
from renderfm.model import RenderFM
from renderfm.settings import ModelSettings, PredictionSettings

SCHEMA = 3
SUFFIX = ".safetensors"
SHIPPED = Path(__file__).resolve().parent / "weights"
"""The checkpoints that come with the package."""

_KEY = "renderfm"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A checkpoint, ready to predict.

    Args:
        model: in evaluation mode, float32, on the CPU.
        normalisation: of the scans that it was trained on.
        provenance: how it was trained: JSON values.
        path: of the file.
        sha256: of the file's bytes.
    """

    model: RenderFM
    normalisation: Fingerprint
    provenance: Mapping[str, Any]
    path: Path
    sha256: str


def save_checkpoint(
    path: Path,
    model: RenderFM,
    normalisation: Fingerprint,
    provenance: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Write a model, atomically.

    Args:
        path: the file; one that is there is replaced.
        model: to write.
        normalisation: of the scans that it was trained on.
        provenance: how it was trained: JSON values.
        half: whether to write weights in half precision: half the bytes.

    Raises:
        OSError: it cannot be written.
    """
    dtype = torch.float16 if half else torch.float32
    tensors = {name: each.detach().to("cpu", dtype).contiguous() for name, each in model.state_dict().items()}
    header = _Header(
        settings=model.settings, normalisation=normalisation, provenance=dict(provenance)
    ).model_dump_json()
    with staged(path) as staging:
        save_file(tensors, staging, metadata={_KEY: header})


def load_checkpoint(name_or_path: str, root: Root | None = None) -> Loaded:
    """Load a checkpoint.

    Args:
        name_or_path: as :func:`find_checkpoint` takes it.
        root: of the study.

    Raises:
        InputError: there is none, it is damaged or of another kind, or its weights are not those of the
            model that it says it is.
    """
    path = find_checkpoint(name_or_path, root)
    header, tensors = _read(path)
    model = RenderFM(header.settings)
    _require_fit(path, tensors, model)
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return Loaded(
        model=model.eval(),
        normalisation=header.normalisation,
        provenance=header.provenance,
        path=path,
        sha256=digest_of_file(path),
    )


def checkpoint_file(root: Root, name: str) -> Path:
    """``ROOT/checkpoints/<name>.safetensors``: where training leaves a model."""
    return root.path / "checkpoints" / f"{checked_name(name, 'checkpoint')}{SUFFIX}"


def find_checkpoint(name_or_path: str, root: Root | None = None) -> Path:
    """The file of a checkpoint.

    Args:
        name_or_path: a path ending in ``.safetensors``, or a name: that of a checkpoint in
            ``ROOT/checkpoints``, else of one that comes with the package.
        root: of the study; None looks at the package's alone.

    Raises:
        InputError: there is none.
    """
    if name_or_path.endswith(SUFFIX):
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(
                f"checkpoint {path}", "expected a file, found none", "correct the path of the checkpoint"
            )
        return path
    places = [SHIPPED] if root is None else [checkpoint_file(root, name_or_path).parent, SHIPPED]
    known = {path.stem: path for place in reversed(places) for path in sorted(place.glob(f"*{SUFFIX}"))}
    if name_or_path not in known:
        close = difflib.get_close_matches(name_or_path, known, n=1)
        raise InputError(
            f"checkpoint {name_or_path!r}",
            f"expected one of {', '.join(sorted(known)) or '(there are none)'}, or a path ending in "
            f"{SUFFIX}; found none by that name in {' or '.join(map(str, places))}",
            f"did you mean {close[0]!r}?" if close else "correct it, or run `renderbench train renderfm`",
        )
    return known[name_or_path]


def checkpoint_digests(settings: PredictionSettings, root: Root) -> dict[str, str]:
    """The SHA-256 of the checkpoint that settings name: trained anew under the same name, it is another run.

    Raises:
        InputError: there is none.
    """
    return {"checkpoint": digest_of_file(find_checkpoint(settings.checkpoint, root))}


class _Header(Strict):
    """What a checkpoint says of itself, as JSON in the metadata of safetensors."""

    schema_number: int = Field(default=SCHEMA, ge=SCHEMA, le=SCHEMA)
    settings: ModelSettings
    normalisation: Fingerprint
    provenance: dict[str, Any]


def _read(path: Path) -> tuple[_Header, dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as stream:
            text = (stream.metadata() or {}).get(_KEY)
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unusable(path, f"a damaged file ({error})") from None
    if text is None:
        raise _unusable(path, "a file of another method")
    try:
        values = json.loads(text)
    except ValueError:
        raise _unusable(path, "a damaged header") from None
    schema = values.get("schema_number") if isinstance(values, dict) else None
    if schema != SCHEMA:
        raise _unusable(path, f"one of schema {schema}, where this renderbench reads {SCHEMA}")
    return parse_model(_Header, values, str(path)), tensors


def _require_fit(path: Path, tensors: Mapping[str, Tensor], model: RenderFM) -> None:
    expected = model.state_dict()
    kind = f"the {model.settings.size} model that its header names"
    for name, tensor in expected.items():
        if name not in tensors:
            missing = sum(each not in tensors for each in expected)
            raise _unusable(path, f"one that lacks {name} and so {missing} of {len(expected)} tensors", kind)
        if tensors[name].shape != tensor.shape:
            found, wanted = tuple(tensors[name].shape), tuple(tensor.shape)
            raise _unusable(path, f"one of another width ({name} is {found}, not {wanted})", kind)
        if not torch.isfinite(tensors[name]).all():
            raise _unusable(path, f"one whose {name} is not finite", kind)
    extra = sorted(set(tensors) - set(expected))
    if extra:
        raise _unusable(path, f"one that also holds {extra[0]} ({len(extra)} tensors too many)", kind)


def _unusable(path: Path, found: str, kind: str = "Render-FM") -> InputError:
    return InputError(
        f"checkpoint {path}",
        f"expected a checkpoint of {kind}, found {found}",
        "name another, or train it again with `renderbench train renderfm`",
    )
