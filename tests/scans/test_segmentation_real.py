"""The seam through the real TotalSegmentator and nnU-Net, where they are installed.

Its weights cannot be shipped; but two numbers make a network that tells bright from dark, and around it
everything is the real thing: the call, the process, resampling, reorientation, the sliding window, the file
that comes back.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_segmentation import lps, oblique_grid

from renderbench.scans.groups import LABELS
from renderbench.scans.segmentation import require_segmenter
from renderbench.scans.volume import Grid

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("nnunetv2") is None, reason="needs renderbench[segment] (TotalSegmentator)"),
]
CLASS = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
IMPORTED = ["conv_op", "norm_op", "dropout_op", "nonlin"]
NETWORK: dict[str, Any] = {
    "n_stages": 2,
    "features_per_stage": [1, 1],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 1, 1], [1, 1, 1]],
    "strides": [[1, 1, 1], [2, 2, 2]],
    "n_conv_per_stage": [1, 1],
    "n_conv_per_stage_decoder": [1],
    "conv_bias": True,
    **dict.fromkeys(
        ("norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs")
    ),
}
LINEAR = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
BRIGHT, DARK = LABELS[3], LABELS[2]


def test_labels_lie_where_the_real_pipeline_puts_them(tmp_path, monkeypatch):
    from totalsegmentator.map_to_binary import class_map

    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "weights"))
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path / "home"))
    trained = "nnUNetTrainer_4000epochs_NoMirroring__nnUNetPlans__3d_fullres"
    folder = tmp_path / "weights" / "Dataset297_TotalSegmentator_total_3mm_1559subj" / trained
    make_network(folder, class_map["total"])
    turned = oblique_grid().world_from_voxel
    grid = Grid(shape=(36, 48, 60), world_from_voxel=turned)
    x, y, z = np.moveaxis(lps(grid), -1, 0)
    # No axis and no side is like another, so that a flip or a swap of any shows.
    side_mm = (x - x.mean()) + 0.25 * (y - y.mean()) + 0.5 * (z - z.mean())
    ct = np.where(side_mm > 0, 500, -500).astype(np.int16)
    labels = require_segmenter("totalsegmentator-fast").segment(ct, grid)
    expected = np.where(side_mm > 0, BRIGHT.value, DARK.value)
    # The network sees voxels of 3 mm: nearer to the boundary than two of them it may err.
    clear = np.abs(side_mm) > 6
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(labels[clear], expected[clear])
    assert not (tmp_path / "home").exists()


def make_network(folder: Path, classes: dict[int, str]) -> None:
    """Weights as nnU-Net lays them out: the class is BRIGHT above 0 HU and DARK below."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    (folder / "fold_0").mkdir(parents=True)
    labels = {"background": 0} | {name: value for value, name in classes.items()}
    write(
        folder / "dataset.json",
        channel_names={"0": "CT"},
        labels=labels,
        numTraining=1,
        file_ending=".nii.gz",
    )
    write(folder / "plans.json", **plans())
    network = get_network_from_plans(CLASS, NETWORK, IMPORTED, 1, len(labels), deep_supervision=False)
    weights = {name: torch.zeros_like(value) for name, value in network.state_dict().items()}
    for name, value in weights.items():
        if not name.endswith("weight"):
            continue
        if "encoder.stages.0" in name:
            value[:] = 1
        elif name.startswith("decoder.stages.0"):
            value[0, 1] = 1  # the skip connection alone
        elif name.startswith("decoder.seg_layers.0"):
            value[labels[BRIGHT.name]] = 10
            value[labels[DARK.name]] = -10
    checkpoint = {
        "network_weights": weights,
        "trainer_name": "nnUNetTrainer_4000epochs_NoMirroring",
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": None,
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")


def plans() -> dict[str, Any]:
    intensities = {"mean": 0.0, "std": 100.0, "percentile_00_5": -1000.0, "percentile_99_5": 1000.0}
    resampling = {
        f"resampling_fn_{what}": "resample_data_or_seg_to_shape" for what in ("data", "seg", "probabilities")
    }
    settings = {f"{name}_kwargs": LINEAR | {"is_seg": name.endswith("seg")} for name in resampling}
    configuration = {
        "data_identifier": "made-by-hand",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 1,
        "patch_size": [32, 32, 32],
        "median_image_size_in_voxels": [32, 32, 32],
        "spacing": [3.0, 3.0, 3.0],
        "normalization_schemes": ["CTNormalization"],
        "use_mask_for_norm": [False],
        "architecture": {
            "network_class_name": CLASS,
            "arch_kwargs": NETWORK,
            "_kw_requires_import": IMPORTED,
        },
        "batch_dice": False,
        **resampling,
        **settings,
    }
    return {
        "dataset_name": "made-by-hand",
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [3.0, 3.0, 3.0],
        "original_median_shape_after_transp": [32, 32, 32],
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"3d_fullres": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }


def write(path: Path, **payload: object) -> None:
    path.write_text(json.dumps(payload))
