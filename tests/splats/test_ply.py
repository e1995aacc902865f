import re

import numpy as np
import plyfile
import pytest
import torch
from splat_scenes import random_gaussians

from renderbench.errors import InputError
from renderbench.splats.ply import read_ply, write_ply


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_round_trip_is_exact(tmp_path, count):
    gaussians = random_gaussians(count)
    write_ply(tmp_path / "scene.ply", gaussians)
    again = read_ply(tmp_path / "scene.ply")
    assert torch.equal(again.labels, gaussians.labels)
    for name, value in gaussians.parameters().items():
        assert torch.equal(again.parameters()[name], value), name


def test_another_reader_finds_the_3dgs_properties(tmp_path):
    gaussians = random_gaussians(20)
    write_ply(tmp_path / "scene.ply", gaussians)
    vertex = plyfile.PlyData.read(tmp_path / "scene.ply")["vertex"]
    np.testing.assert_array_equal(vertex["y"], gaussians.means_mm[:, 1])
    np.testing.assert_array_equal(vertex["nz"], gaussians.directions[:, 2])
    np.testing.assert_array_equal(vertex["f_dc_2"], gaussians.sh[:, 0, 2])
    # 3DGS stores the higher degrees channel by channel.
    np.testing.assert_array_equal(vertex["f_rest_3"], gaussians.sh[:, 1, 1])
    np.testing.assert_array_equal(vertex["off_diagonal_14"], gaussians.off_diagonal[:, 14])
    np.testing.assert_array_equal(vertex["label"], gaussians.labels)


def test_a_file_rewritten_by_another_tool_is_read(tmp_path):
    gaussians = random_gaussians(5)
    write_ply(tmp_path / "scene.ply", gaussians)
    data = plyfile.PlyData.read(tmp_path / "scene.ply")
    vertices = data["vertex"].data
    reversed_names = list(reversed(vertices.dtype.names))
    reordered = np.empty(5, [(name, "f8" if name != "label" else "u1") for name in reversed_names])
    for name in reversed_names:
        reordered[name] = vertices[name]
    element = plyfile.PlyElement.describe(reordered, "vertex")
    plyfile.PlyData([element], byte_order="<").write(str(tmp_path / "other.ply"))
    assert torch.equal(read_ply(tmp_path / "other.ply").sh, gaussians.sh)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data[:-1], "bytes of vertices"),
        (lambda data: b"\x89PNG\r\n" + data, "header of a PLY"),
        (lambda data: b"", "header of a PLY"),
        (lambda data: data[:300], "header of a PLY"),
        (lambda data: data.replace(b"binary_little_endian", b"ascii"), "another format"),
        (lambda data: data.replace(b"element vertex 5", b"element face 5"), "`vertex`"),
        (lambda data: data.replace(b"element vertex 5", b"element vertex"), "`vertex`"),
        (lambda data: data.replace(b"float opacity", b"float opaque"), "none called opacity"),
        (lambda data: data.replace(b"float opacity", b"float x"), "none called opacity"),
        (lambda data: data.replace(b"float opacity", b"half opacity"), "scalar properties"),
        (lambda data: data.replace(b"float opacity", b"list uchar int opacity"), "scalar properties"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, edit, message):
    path = tmp_path / "scene.ply"
    write_ply(path, random_gaussians(5))
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_ply(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_ply(tmp_path / "none.ply")
