"""The verb ``renderbench ply``."""

import sys

import plyfile
import pytest
import torch
from splat_scenes import random_gaussians

from renderbench.cli import main
from renderbench.scans.groups import GROUP_INDEX, select_groups
from renderbench.splats.ply import write_ply
from renderbench.splats.ply_3dgs import write_3dgs_ply


@pytest.fixture
def scene(tmp_path):
    gaussians = random_gaussians(40, 5)
    # Spleen, liver, skeleton.
    gaussians.labels[:] = torch.tensor([1, 2, GROUP_INDEX["skeleton"]])[torch.arange(40) % 3]
    write_ply(tmp_path / "scene.ply", gaussians)
    return tmp_path / "scene.ply", gaussians


@pytest.fixture
def ply(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["renderbench", "ply", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return run


def test_a_group_sliced_along_a_direction(scene, ply, tmp_path):
    path, gaussians = scene
    out = tmp_path / "out.ply"
    code, said, _ = ply(path, "--to", out, "--groups", "organs", "--direction", "0,1,-0.5")
    shown = torch.from_numpy(select_groups("organs").mask(gaussians.labels.numpy()))
    assert 0 < int(shown.sum()) < 40
    assert (code, said) == (0, f"{out}: {int(shown.sum())} of 40 Gaussians\n")
    write_3dgs_ply(tmp_path / "expected.ply", gaussians.select(shown), direction=(0.0, 1.0, -0.5))
    assert out.read_bytes() == (tmp_path / "expected.ply").read_bytes()


def test_everything_marginalised(scene, ply, tmp_path):
    assert ply(scene[0], "--to", tmp_path / "new" / "out.ply")[0] == 0
    read = plyfile.PlyData.read(tmp_path / "new" / "out.ply")
    assert len(read["vertex"]) == 40
    assert any("marginalised" in comment for comment in read.comments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--direction", "0,1"], ("--direction", "expected three numbers", "found '0,1'")),
        (["--direction", "0,one,0"], ("expected three numbers",)),
        (["--direction", "0,0,0"], ("expected a direction",)),
        (["--direction", "nan,0,0"], ("expected a direction",)),
        (["--groups", "bones"], ("groups 'bones'", "expected")),
        (["--groups", "muscle"], ("expected Gaussians of muscle, found none among 40",)),
        (["--to", "{scene}"], ("expected another file than the scene",)),
        (["--to", "{scene}/x.ply"], ("expected a file that can be written",)),
    ],
)
def test_wrong_arguments_are_one_line(scene, ply, tmp_path, arguments, words):
    before = scene[0].read_bytes()
    given = [each.format(scene=scene[0]) for each in arguments]
    if "--to" not in given:
        given += ["--to", str(tmp_path / "out.ply")]
    code, said, errors = ply(scene[0], *given)
    assert (code, said, errors.count("\n")) == (2, "", 1)
    for word in words:
        assert word in errors
    assert scene[0].read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["scene.ply"]


def test_a_scene_that_is_none(ply, tmp_path):
    (tmp_path / "scene.ply").write_text("no ply\n")
    code, _, errors = ply(tmp_path / "scene.ply", "--to", tmp_path / "out.ply")
    assert (code, errors.count("\n")) == (2, 1)
    assert not (tmp_path / "out.ply").exists()
