"""Tasks and weights, in the shape that the real package has them."""

TASK_CONFIGS = {
    "total": {
        "sub_modes": {
            "default": {"task_id": [291, 292]},
            "fast": {"task_id": 297},
        }
    },
    "heartchambers_highres": {"task_id": 301, "crop": ["heart"], "robust_crop": True, "commercial": True},
    "coronary_arteries": {"task_id": 509, "crop": ["heart"], "commercial": True},
}

TASK_ID_WEIGHTS_CONFIGS = {
    291: {"foldername": "Dataset291_organs"},
    292: {"foldername": "Dataset292_vertebrae"},
    297: {"foldername": "Dataset297_3mm"},
    298: {"foldername": "Dataset298_6mm"},
    301: {"foldername": "Dataset301_heart"},
    509: {"foldername": "Dataset509_coronary"},
}
