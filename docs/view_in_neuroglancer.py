"""Show the store of a scan in neuroglancer: `python docs/view_in_neuroglancer.py SCAN.zarr`.

Needs `pip install neuroglancer`, which brings the web client along, and nothing of renderbench. Positions
read as millimetres of the NGFF metadata, which are patient LPS unless the scan is oblique.
"""

import argparse
import json
import tempfile
import threading
from pathlib import Path
from typing import Any

import neuroglancer
from neuroglancer.static_file_server import StaticFileServer

# What turns an image of (x right, y down) into each plane, as quaternions (x, y, z, w): axial from the
# feet, coronal from the front, sagittal from the patient's left.
_PLANES = {
    "axial": (0.0, 0.0, 0.0, 1.0),
    "coronal": (-(0.5**0.5), 0.0, 0.0, 0.5**0.5),
    "sagittal": (-0.5, -0.5, 0.5, 0.5),
}
_MM_PER_PIXEL = 0.8
_OPACITY = 0.35


def main() -> None:
    """Serve the store to the browsers of this machine until interrupted."""
    parser = argparse.ArgumentParser(description="Show the store of a scan in neuroglancer.")
    parser.add_argument("store", type=Path, help="a folder that ends in .zarr")
    store = parser.parse_args().store.resolve()
    try:
        image = _ome(store)
        labels = {name: _ome(store / "labels" / name) for name in _ome(store / "labels")["labels"]}
    except (OSError, KeyError, ValueError) as error:
        raise SystemExit(f"{store}: expected the store of a scan; {type(error).__name__}: {error}") from None

    with tempfile.TemporaryDirectory() as folder:
        for name, label_image in labels.items():
            _write_names(Path(folder, name), label_image["image-label"]["properties"])
        arrays = StaticFileServer(str(store), bind_address="127.0.0.1", daemon=True).url
        names = StaticFileServer(folder, bind_address="127.0.0.1", daemon=True).url

        viewer = neuroglancer.Viewer()
        with viewer.txn() as state:
            state.dimensions = neuroglancer.CoordinateSpace(names=[*"xyz"], units="mm", scales=[1, 1, 1])
            state.position = _centre(store, image)
            state.cross_section_scale = _MM_PER_PIXEL
            state.layers["ct"] = _ct_layer(f"{arrays}/|zarr3:", image)
            for name, label_image in labels.items():
                sources = [f"{arrays}/labels/{name}/|zarr3:", f"{names}/{name}/|neuroglancer-precomputed:"]
                layer = _label_layer(sources, label_image["image-label"]["colors"])
                state.layers.append(name=name, layer=layer, visible=name == "anatomy")
            state.layout = neuroglancer.row_layout(
                [_panel(each, ["ct", *labels]) for each in _PLANES.values()]
            )
        print(f"{viewer}\nOpen this address in a browser; stop with Ctrl-C.", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _ome(folder: Path) -> dict[str, Any]:
    metadata = json.loads((folder / "zarr.json").read_text(encoding="utf-8"))
    ome: dict[str, Any] = metadata["attributes"]["ome"]
    return ome


def _centre(store: Path, image: dict[str, Any]) -> list[float]:
    """(x, y, z) in millimetres of the middle of the volume."""
    scale, translation = image["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    shape = json.loads((store / "0" / "zarr.json").read_text(encoding="utf-8"))["shape"]
    axes = zip(translation["translation"], scale["scale"], shape, strict=True)
    return [origin + spacing * (size - 1) / 2 for origin, spacing, size in axes][::-1]


def _ct_layer(source: str, image: dict[str, Any]) -> neuroglancer.ImageLayer:
    # neuroglancer takes the window from NGFF for images of several channels only.
    window = image["omero"]["channels"][0]["window"]
    controls = {"normalized": {"range": [window["start"], window["end"]]}}
    return neuroglancer.ImageLayer(source=source, shader_controls=controls)


def _label_layer(sources: list[str], colours: list[dict[str, Any]]) -> neuroglancer.SegmentationLayer:
    # Nor does it read the colours of NGFF's labels.
    by_value = {each["label-value"]: "#{:02x}{:02x}{:02x}".format(*each["rgba"]) for each in colours}
    return neuroglancer.SegmentationLayer(
        source=sources, segment_colors=by_value, selected_alpha=_OPACITY, not_selected_alpha=0
    )


def _write_names(folder: Path, properties: list[dict[str, Any]]) -> None:
    """The names of the labels, which neuroglancer reads in a format of its own."""
    folder.mkdir()
    inline = {
        "ids": [str(each["label-value"]) for each in properties],
        "properties": [{"id": "name", "type": "label", "values": [each["name"] for each in properties]}],
    }
    info = {"@type": "neuroglancer_segment_properties", "inline": inline}
    (folder / "info").write_text(json.dumps(info), encoding="utf-8")


def _panel(orientation: tuple[float, ...], layers: list[str]) -> neuroglancer.LayerGroupViewer:
    panel = neuroglancer.LayerGroupViewer(layers=layers, layout="xy")
    panel.cross_section_orientation = neuroglancer.LinkedOrientationState(link="unlinked", value=orientation)
    return panel


if __name__ == "__main__":
    main()
