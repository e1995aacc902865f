import pytest
import torch

from renderfm.training.augmentation import augmented_ct
from renderfm.training.settings import AugmentationSettings

NOTHING = {"shift_hu": 0, "scale": 0, "noise_hu": 0, "streak_hu": 0, "cupping_hu": 0, "blur_voxels": 0}
HU = 100.0


def ct() -> torch.Tensor:
    """Normalised intensities with room to change in."""
    volume = torch.zeros(24, 30, 28)
    volume[8:16, 8:20, 6:18] = 1.0
    volume[0, 0, 0], volume[0, 0, 1] = -3.0, 3.0
    return volume


def augmented(seed: int = 1, **settings: float) -> torch.Tensor:
    chosen = AugmentationSettings(share=1.0, **{**NOTHING, **settings})
    return augmented_ct(ct(), chosen, hu_per_unit=HU, generator=torch.Generator().manual_seed(seed))


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(augmented(), ct())
    none = AugmentationSettings(share=0.0)
    assert torch.equal(augmented_ct(ct(), none, hu_per_unit=HU, generator=torch.Generator()), ct())


@pytest.mark.parametrize("kind", [kind for kind in NOTHING if kind != "scale"])
def test_each_kind_changes_the_scan_by_about_what_it_says(kind):
    amount = 2.0 if kind == "blur_voxels" else 50.0
    changes = [(augmented(seed, **{kind: amount}) - ct())[:, 2:, 2:].abs().max() * HU for seed in range(8)]
    assert max(changes) > 1.0
    # Noise has tails, and four rays of a streak may meet.
    limit = {"noise_hu": 6 * amount, "streak_hu": 2 * amount, "blur_voxels": 100.0}.get(kind, amount)
    assert max(changes) <= limit * 1.001


def test_a_shift_is_the_same_everywhere_and_a_scale_goes_with_the_intensity():
    change = augmented(shift_hu=50.0)[4:20, 2:26, 2:26] - ct()[4:20, 2:26, 2:26]
    assert float(change.max() - change.min()) == pytest.approx(0.0, abs=1e-6)
    ratio = augmented(scale=0.08)[8:16, 8:20, 6:18] / 1.0
    assert float(ratio.std()) == pytest.approx(0.0, abs=1e-6)
    assert 0.0 < abs(float(ratio.mean()) - 1.0) <= 0.08


def test_a_blur_keeps_what_there_is_and_goes_along_the_axis_of_the_body_alone():
    blurred = augmented(blur_voxels=2.0)
    inside, outside = blurred[:, 10, 10], blurred[:, 10, 25]
    assert float(inside.sum()) == pytest.approx(8.0, abs=1e-4)
    assert 0.0 < float(inside[6]) < 0.5 < float(inside[9]) < 1.0
    assert float(outside.abs().max()) == 0.0


def test_the_generator_alone_decides():
    everything = {"noise_hu": 40.0, "streak_hu": 60.0, "shift_hu": 20.0}
    assert torch.equal(augmented(7, **everything), augmented(7, **everything))
    assert not torch.equal(augmented(7, **everything), augmented(8, **everything))


def test_what_comes_out_is_as_clipped_as_what_went_in():
    strong = augmented(noise_hu=2000.0, shift_hu=500.0)
    assert float(strong.min()) >= -3.0
    assert float(strong.max()) <= 3.0
