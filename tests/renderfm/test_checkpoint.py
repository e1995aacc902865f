"""Checkpoints: what goes in comes out, and one line for every file that is none."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from renderbench.artefacts import digest_of_file
from renderbench.errors import InputError
from renderbench.layout import Root
from renderfm import checkpoint as module
from renderfm.checkpoint import SCHEMA, checkpoint_file, find_checkpoint, load_checkpoint, save_checkpoint
from renderfm.settings import ModelSettings
from renderfm.windows import predict
from tests.renderfm.scans import NORMALISATION, checkpoint, inputs, model


def contents(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    with safe_open(path, "pt") as stream:
        return {name: stream.get_tensor(name) for name in stream.keys()}, json.loads(  # noqa: SIM118
            stream.metadata()["renderfm"]
        )


def rewrite(path: Path, tensors: dict[str, torch.Tensor], header: dict) -> None:
    save_file(tensors, path, metadata={"renderfm": json.dumps(header)})


def line(path: Path) -> str:
    with pytest.raises(InputError) as error:
        load_checkpoint(str(path))
    text = str(error.value)
    assert text.startswith(f"checkpoint {path}: expected ")
    assert "\n" not in text
    return text


def test_what_goes_in_comes_out(tmp_path):
    settings = ModelSettings(opacity="paper", sh_degree=0)
    made, path = model(settings, head=0.2), tmp_path / "mine.safetensors"
    save_checkpoint(path, made, NORMALISATION, {"suite": "renderfm-mini", "seed": 7})
    loaded = load_checkpoint(str(path))
    assert loaded.model.settings == settings
    assert loaded.normalisation == NORMALISATION
    assert loaded.provenance == {"suite": "renderfm-mini", "seed": 7}
    assert loaded.sha256 == digest_of_file(path)
    expected, found = (predict(each, inputs(settings)) for each in (made, loaded.model))
    for name, parameter in expected.parameters().items():
        assert torch.equal(parameter, getattr(found, name))


def test_half_precision_halves_the_bytes(tmp_path):
    made = model(head=0.2)
    for name, half in (("full", False), ("half", True)):
        save_checkpoint(tmp_path / f"{name}.safetensors", made, NORMALISATION, {}, half=half)
    full, half = (tmp_path / f"{name}.safetensors" for name in ("full", "half"))
    assert half.stat().st_size < 0.51 * full.stat().st_size
    expected, found = (predict(load_checkpoint(str(each)).model, inputs()) for each in (full, half))
    torch.testing.assert_close(found.sh, expected.sh, rtol=0, atol=0.02)
    # What ships must be small.
    assert half.stat().st_size < 10e6


def test_a_name_is_the_studys_own_first_and_then_the_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHIPPED", tmp_path / "weights")
    root = Root(tmp_path / "root")
    shipped = checkpoint(tmp_path / "weights" / "mini.safetensors")
    assert find_checkpoint("mini") == find_checkpoint("mini", root) == shipped
    own = checkpoint(checkpoint_file(root, "mini"))
    assert own == tmp_path / "root" / "checkpoints" / "mini.safetensors"
    assert find_checkpoint("mini", root) == own
    assert find_checkpoint("mini") == shipped
    assert find_checkpoint(str(own)) == own


def test_a_name_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHIPPED", tmp_path)
    with pytest.raises(InputError, match=r"expected one of \(there are none\).*run `renderbench train"):
        find_checkpoint("renderfm-mini")
    checkpoint(tmp_path / "renderfm-mini.safetensors")
    with pytest.raises(InputError, match="did you mean 'renderfm-mini'"):
        find_checkpoint("renderfm-minni")
    with pytest.raises(InputError, match=r"gone\.safetensors: expected a file, found none"):
        find_checkpoint(str(tmp_path / "gone.safetensors"))


def test_another_width(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    tensors, header = contents(path)
    header["settings"]["size"] = "small"
    rewrite(path, tensors, header)
    text = line(path)
    assert "the small model that its header names, found one of another width" in text
    assert "encoder.0.0.convolution.weight is (8, 6, 3, 3, 3), not (16, 6, 3, 3, 3)" in text


def test_a_head_of_another_width(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    tensors, header = contents(path)
    header["settings"]["gaussians"] = "3d"
    rewrite(path, tensors, header)
    assert "head.linear.weight is (37, 64), not (19, 64)" in line(path)


def test_missing_and_extra_keys(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    tensors, header = contents(path)
    some = {name: each for name, each in tensors.items() if not name.startswith("head")}
    rewrite(path, some, header)
    assert "found one that lacks head.hidden.0.weight and so 6 of" in line(path)
    rewrite(path, tensors | {"head.gain": torch.ones(1)}, header)
    assert "found one that also holds head.gain (1 tensors too many)" in line(path)


def test_weights_that_are_not_finite(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    tensors, header = contents(path)
    tensors["head.linear.bias"][3] = float("nan")
    rewrite(path, tensors, header)
    assert "found one whose head.linear.bias is not finite" in line(path)


def test_a_truncated_file_and_one_of_another_kind(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    whole = path.read_bytes()
    for size in (len(whole) - 100, 1000, 4, 0):
        path.write_bytes(whole[:size])
        assert "found a damaged file" in line(path)
    path.write_text("these are not weights, and never were")
    assert "found a damaged file" in line(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"renderbench_fit": "{}"})
    assert "found a file of another method" in line(path)
    save_file({"a": torch.zeros(1)}, path, metadata={"renderfm": "{"})
    assert "found a damaged header" in line(path)


def test_a_header_of_another_time(tmp_path):
    path = checkpoint(tmp_path / "x.safetensors")
    tensors, header = contents(path)
    for change, found in (
        ({"schema_number": SCHEMA + 1}, f"found one of schema {SCHEMA + 1}, where this renderbench reads"),
        ({"schema_number": SCHEMA - 1}, "name another, or train it again"),
        ({"settings": {"size": "huge"}}, "size"),
    ):
        rewrite(path, tensors, header | change)
        with pytest.raises(InputError) as error:
            load_checkpoint(str(path))
        assert str(path) in str(error.value)
        assert found in str(error.value)
        assert "\n" not in str(error.value)
