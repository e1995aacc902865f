import re

import numpy as np
import plyfile
import pytest
import torch
from splat_scenes import random_gaussians

from renderbench.errors import InputError
from renderbench.splats.ply import read_ply, write_ply
from renderbench.splats.ply_3dgs import write_3dgs_ply


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


def _with_value(name, value):
    """Sets one property of vertex 3 in the bytes of five vertices."""

    def edit(data):
        head, _, body = data.partition(b"end_header\n")
        names = [line.split()[-1] for line in head.decode().splitlines() if line.startswith("property")]
        vertices = np.frombuffer(body, [(each, "u1" if each == "label" else "<f4") for each in names]).copy()
        vertices[name][3] = value
        return head + b"end_header\n" + vertices.tobytes()

    return edit


def _of(old, new):
    return lambda data: data.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data[:-1], "bytes of 5 vertices, found"),
        (lambda data: data + b"\0", "bytes of 5 vertices, found"),
        (_of("vertex 5", "vertex 4"), "bytes of 4 vertices, found"),
        (_of("vertex 5", "vertex 6"), "bytes of 6 vertices, found"),
        (_of("vertex 5", "vertex 999999999999999999"), "bytes of 999999999999999999 vertices, found"),
        (_of("vertex 5", "vertex " + "9" * 500), "expected a number of vertices, found '9999"),
        (_of("vertex 5", "vertex -5"), "expected a number of vertices, found '-5'"),
        (_of("vertex 5", "vertex 5.0"), "expected a number of vertices, found '5.0'"),
        (_of("vertex 5", "vertex five"), "expected a number of vertices, found 'five'"),
        (_of("vertex 5", "vertex 5 5"), "expected a number of vertices"),
        (_of("vertex 5", "vertex"), "expected a number of vertices"),
        (lambda data: b"\x89PNG\r\n" + data, "header of a PLY"),
        (lambda data: b"", "header of a PLY"),
        (lambda data: data[:300], "header of a PLY"),
        (lambda data: b"ply\n" + b"\n" * 5000, "header of a PLY"),
        (lambda data: b"ply\nend_header\n", "found 0 formats"),
        (_of("binary_little_endian 1.0", "ascii 1.0"), "binary_little_endian 1.0, found ascii 1.0"),
        (_of("binary_little_endian", "binary_big_endian"), "found binary_big_endian 1.0"),
        (_of("binary_little_endian 1.0", "binary_little_endian 2.0"), "found binary_little_endian 2.0"),
        (_of("element vertex 5", "element face 5"), "`vertex`"),
        (_of("element vertex 5", "element vertex 5\nelement face 0"), "`vertex`"),
        (_of("float opacity", "float opaque"), "expected a property opacity, found none"),
        (
            _of("float off_diagonal", "float off"),
            "expected a property off_diagonal_0 and 14 more, found none",
        ),
        (_of("float opacity", "float opacity\nproperty float opacity"), "found one twice"),
        (_of("float opacity", "half opacity"), "scalar properties"),
        (_of("float opacity", "list uchar int opacity"), "scalar properties"),
        (_with_value("f_rest_4", np.nan), "expected finite numbers, found nan as f_rest_4 of vertex 3"),
        (_with_value("x", -np.inf), "expected finite numbers, found -inf as x of vertex 3"),
        (_with_value("label", 200), "expected labels from 0 to 11, found"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, edit, message):
    path = tmp_path / "scene.ply"
    write_ply(path, random_gaussians(5))
    path.write_bytes(edit(path.read_bytes()))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_ply(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_3dgs_file_is_not_mistaken_for_a_6d_one(tmp_path):
    write_3dgs_ply(tmp_path / "scene.ply", random_gaussians(5))
    with pytest.raises(InputError, match="expected a property log_diagonal_0"):
        read_ply(tmp_path / "scene.ply")


def test_the_header_says_which_version_it_is(tmp_path):
    write_ply(tmp_path / "scene.ply", random_gaussians(5))
    comments = plyfile.PlyData.read(tmp_path / "scene.ply").comments
    assert comments[0] == "renderbench 6D Gaussians, version 1"


@pytest.mark.parametrize("name", ["none.ply", "."])
def test_a_missing_file_is_one_line(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        read_ply(tmp_path / name)
