"""LPIPS against the lpips package itself, and against Zhang et al. 2018 written out, on random weights."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from renderbench.artefacts import digest_of_file
from renderbench.evaluation.metrics import foreground_of, lpips
from tests.evaluation.metrics.pictures import ODD, PAIRS, WORSEN, on_black, random_pair, worsened

CHANNELS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    """Tests share a machine; threads of torch that wait for a core spin."""
    monkeypatch.setenv("RENDERBENCH_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def torchvision_features(name: str) -> nn.Sequential:
    """The layers of torchvision's ``alexnet().features`` and ``vgg16().features``, randomly initialised."""
    torch.manual_seed(0)
    if name == "alex":
        layers = [
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        ]
        return nn.Sequential(*layers)
    layers, inputs = [], 3
    for size in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"):
        if size == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(inputs, size, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = size
    return nn.Sequential(*layers)


def backbone_of(features: nn.Sequential) -> dict[str, torch.Tensor]:
    """As a checkpoint of torchvision names them."""
    return {f"features.{name}": tensor for name, tensor in features.state_dict().items()}


def random_heads(name: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        f"lin{tap}.model.1.weight": torch.rand(1, channels, 1, 1, generator=generator)
        for tap, channels in enumerate(CHANNELS[name])
    }


def ours(metric_id: str, heads: dict[str, torch.Tensor]) -> lpips.Lpips:
    name, signed = lpips.VARIANTS[metric_id]
    backbone = backbone_of(torchvision_features(name))
    return lpips.Lpips(lpips.NETWORKS[name], signed=signed, backbone=backbone, heads=heads)


def fed(image: np.ndarray, signed: bool) -> torch.Tensor:
    pixels = torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)[None]
    return pixels * 2 - 1 if signed else pixels


def zhang_2018(metric_id: str, truth: np.ndarray, image: np.ndarray, heads: dict[str, torch.Tensor]) -> float:
    """Equation 1 of Zhang et al. 2018, layer by layer."""
    name, signed = lpips.VARIANTS[metric_id]
    # After conv1 to conv5 of AlexNet, conv1_2, 2_2, 3_3, 4_3 and 5_3 of VGG, each with its ReLU.
    taps = {"alex": (1, 4, 7, 9, 11), "vgg": (3, 8, 15, 22, 29)}[name]
    mean = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    deviation = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    x, y = ((fed(each, signed) - mean) / deviation for each in (truth, image))
    total = 0.0
    with torch.no_grad():
        for index, layer in enumerate(torchvision_features(name)):
            x, y = layer(x), layer(y)
            if index in taps:
                unit = [each / (each.norm(dim=1, keepdim=True) + 1e-10) for each in (x, y)]
                weights = heads[f"lin{taps.index(index)}.model.1.weight"]
                total += ((unit[0] - unit[1]) ** 2 * weights.view(1, -1, 1, 1)).sum(dim=1).mean().item()
    return total


@pytest.mark.parametrize("metric_id", lpips.VARIANTS)
@pytest.mark.parametrize("pair", ["real CT", "random"])
def test_lpips_is_zhang_2018(metric_id, pair):
    heads = random_heads(lpips.VARIANTS[metric_id][0])
    truth, image = (each[60:124, 80:160] for each in PAIRS[pair])
    found = ours(metric_id, heads)(truth, image)
    assert found > 1e-3
    assert found == pytest.approx(zhang_2018(metric_id, truth, image, heads), abs=1e-5)


@pytest.fixture
def package(monkeypatch):
    """The lpips package, with what it needs of torchvision stood in for by its layers."""
    if find_spec("lpips") is None:
        pytest.skip("the package lpips is not installed (pip install --no-deps lpips)")
    models = ModuleType("torchvision.models")
    models.alexnet = lambda pretrained: SimpleNamespace(features=torchvision_features("alex"))
    models.vgg16 = lambda pretrained: SimpleNamespace(features=torchvision_features("vgg"))
    torchvision = ModuleType("torchvision")
    torchvision.models = models
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.models", models)
    # Its training code, imported along, draws bars with this.
    monkeypatch.setitem(sys.modules, "tqdm", SimpleNamespace(tqdm=None))
    import lpips as original

    yield original
    for name in [name for name in sys.modules if name == "lpips" or name.startswith("lpips.")]:
        del sys.modules[name]


@pytest.mark.parametrize("metric_id", lpips.VARIANTS)
def test_lpips_is_the_packages_with_its_published_heads(package, metric_id):
    name, signed = lpips.VARIANTS[metric_id]
    heads = torch.load(lpips.heads_file(lpips.NETWORKS[name]), map_location="cpu", weights_only=True)
    distance = ours(metric_id, heads)
    truth, image = (each[20:84, 60:140] for each in PAIRS["real CT"])
    one, other = fed(truth, signed), fed(image, signed)
    with torch.no_grad():
        frame = package.LPIPS(net=name, verbose=False)(one, other).item()
        spatial = package.LPIPS(net=name, verbose=False, spatial=True)(one, other)[0, 0].numpy()
    assert frame > 1e-4
    assert distance(truth, image) == pytest.approx(frame, abs=1e-6)
    where = foreground_of(truth)
    assert 0 < where.mean() < 1
    assert distance(truth, image, where=where) == pytest.approx(spatial[where].mean(), abs=1e-6)


@pytest.mark.parametrize("metric_id", lpips.VARIANTS)
def test_lpips_is_zero_on_itself_and_grows_with_noise_blur_and_shift(metric_id):
    distance = ours(metric_id, random_heads(lpips.VARIANTS[metric_id][0]))
    truth = on_black(ODD[:40, :40])
    where = foreground_of(truth)
    assert distance(truth, truth) == distance(truth, truth, where=where) == 0.0
    for how in WORSEN.values():
        maps = [distance.maps(truth, worsened(truth, how, k)) for k in (1, 2, 3)]
        for region in (None, where):
            scores = [lpips.over(each, region) for each in maps]
            assert 0 < scores[0] < scores[1] < scores[2]


@pytest.mark.parametrize("name", lpips.NETWORKS)
def test_the_smallest_image_is_the_smallest_that_reaches_the_last_tap(name):
    network = lpips.NETWORKS[name]
    metric_id = next(each for each, (of, _) in lpips.VARIANTS.items() if of == name)
    distance = ours(metric_id, random_heads(name))
    assert np.isfinite(distance(*random_pair(3, network.smallest_px, network.smallest_px)))
    with pytest.raises(RuntimeError, match="too small"):
        distance(*random_pair(3, network.smallest_px - 1, network.smallest_px - 1))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache of torch's."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


@pytest.fixture
def heads(tmp_path, monkeypatch):
    """A package lpips that holds random heads, which are taken for the published ones."""
    weights = tmp_path / "lpips" / "weights" / "v0.1"
    weights.mkdir(parents=True)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "lpips")])
    monkeypatch.setattr(lpips, "find_spec", lambda name: spec)
    for name, network in lpips.NETWORKS.items():
        file = f"{name}.pth"
        torch.save(random_heads(name), weights / file)
        known = replace(network, heads=(file, digest_of_file(weights / file)))
        monkeypatch.setitem(lpips.NETWORKS, name, known)
    return weights


def test_weights_are_read_from_where_torch_and_the_package_keep_them(cache, heads, monkeypatch):
    torch.save(backbone_of(torchvision_features("alex")), cache / "new.pth")
    name = f"alexnet-owt-{digest_of_file(cache / 'new.pth')[:8]}.pth"
    (cache / "new.pth").rename(cache / name)
    monkeypatch.setitem(lpips.NETWORKS, "alex", replace(lpips.NETWORKS["alex"], backbone=name))
    truth, image = random_pair(4, 64, 64)
    assert lpips.load("lpips-alex")(truth, image) == ours("lpips-alex", random_heads("alex"))(truth, image)


def test_without_weights_there_is_a_reason_and_no_number(cache, heads, monkeypatch):
    with pytest.raises(lpips.Unavailable, match=r"alexnet-owt-7be5be79\.pth is not in torch's hub cache"):
        lpips.load("lpips-alex")
    (cache / "vgg16-397923af.pth").write_bytes(b"half a download")
    with pytest.raises(lpips.Unavailable, match=r"vgg16-397923af\.pth .* is damaged"):
        lpips.load("lpips-vgg")
    (heads / "alex.pth").write_bytes(b"other heads")
    with pytest.raises(lpips.Unavailable, match=r"linear heads of version 0\.1 in alex\.pth"):
        lpips.load("lpips-alex")
    monkeypatch.setattr(lpips, "find_spec", lambda name: None)
    with pytest.raises(lpips.Unavailable, match="the package lpips"):
        lpips.load("lpips-alex")
