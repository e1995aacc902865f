import json
import tomllib

import pytest
from typer.testing import CliRunner

from renderbench.config import parse_model, read_toml
from renderbench.errors import InputError
from renderfm.training.cli import train
from renderfm.training.settings import TrainSettings, settings_file
from tests.conftest import REPOSITORY
from tests.renderfm.training.studies import training_suite


@pytest.fixture
def suite_file(tmp_path):
    """A suite as TOML that asks for what ``trainable`` has."""
    made = training_suite()
    path = tmp_path / "tiny.toml"
    views = ", ".join(
        f'{{ groups = "{each.groups}", views = {each.views} }}' for each in made.training[0].views
    )
    blocks = "".join(
        f'[[blocks]]\nid = "{block.id}"\ntitle = "{block.title}"\ndataset = "{block.dataset}"\n'
        f'transfer_function = "{block.transfer_function}"\nmethods = ["agp"]\n'
        for block in made.blocks
    )
    path.write_text(
        'name = "tiny"\n[renderer]\nsamples_per_pixel = 16\n[views]\nfit = 3\ntest = 2\nresolution = 32\n'
        f'[[training]]\ndataset = "to-learn"\nviews = [{views}]\n{blocks}'
    )
    return path


def run(*arguments: object) -> object:
    return CliRunner().invoke(train, ["renderfm", *map(str, arguments)])


def test_the_verb_trains_and_says_where_the_checkpoint_is(trainable, suite_file, tmp_path):
    config = tmp_path / "mine.toml"
    config.write_text("scans_per_step = 1\nviews_per_scan = 1\n[model]\nsh_degree = 0\n")
    arguments = ["--root", trainable.path, "--suite", suite_file, "--out", "by-verb", "--config", config]
    arguments += ["--iterations", 1, "--device", "cpu", "--json"]
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["checkpoint"].endswith("checkpoints/by-verb.safetensors")
    assert not told["was_there"]
    written = json.loads((trainable.path / "checkpoints" / "by-verb.json").read_text())
    assert written["settings"]["model"]["sh_degree"] == 0
    assert written["settings"]["iterations"] == 1
    assert json.loads(run(*arguments).stdout)["was_there"]


def test_shipped_settings_have_names(trainable, suite_file):
    assert settings_file("renderfm-mini").is_file()
    failed = run("--root", trainable.path, "--suite", suite_file, "--config", "renderfm-maxi")
    assert isinstance(failed.exception, InputError)
    assert "expected one of renderfm-mini, renderfm-overfit, or a path ending in .toml" in str(
        failed.exception
    )


@pytest.mark.parametrize("path", sorted((REPOSITORY / "datasets" / "training").glob("*.toml")))
def test_shipped_settings_are_settings(path):
    parse_model(TrainSettings, read_toml(path), path.name)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("iteratons = 3", r"mine\.toml: iteratons: unknown key.*did you mean 'iterations'"),
        ("learning_rate = 0", r"mine\.toml: learning_rate: .*greater than 0, found 0"),
        ("[model]\nsize = 'huge'", r"mine\.toml: model\.size: .*found 'huge'"),
        ("[augmentation]\nshare = 2", r"mine\.toml: augmentation\.share: .*found 2"),
    ],
)
def test_a_fault_in_the_settings_is_one_line(trainable, suite_file, tmp_path, text, line):
    config = tmp_path / "mine.toml"
    config.write_text(text)
    done = run("--root", trainable.path, "--suite", suite_file, "--config", config)
    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=line):
        raise done.exception


def test_a_root_without_data_and_a_device_that_is_not_there_are_one_line_each(tmp_path, suite_file):
    done = run("--root", tmp_path, "--suite", suite_file)
    assert isinstance(done.exception, InputError)
    assert "expected one under" in str(done.exception)
    import torch

    if not torch.cuda.is_available():
        done = run("--root", tmp_path, "--suite", suite_file, "--device", "cuda")
        assert str(done.exception) == "--device cuda: expected a CUDA device, found none; use --device cpu"


def test_the_package_registers_the_verb():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    verbs = project["project"]["entry-points"]["renderbench.commands"]
    assert verbs["train"] == "renderfm.training.cli:train"
