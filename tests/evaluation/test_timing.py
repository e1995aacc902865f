"""Frames per second on a clock of our own, and the peak of memory."""

from types import SimpleNamespace

import numpy as np
import pytest

from renderbench.evaluation import gpu, memory, timing
from renderbench.evaluation.memory import peak_memory
from renderbench.evaluation.timing import frame_rate


class Clock:
    """Time passes only while something renders or waits."""

    def __init__(self):
        self.now = 0.0
        self.waits = 0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(timing, "time", made)
    return made


class Gpu:
    """Renders into a queue that takes half a second a frame to work off."""

    def __init__(self, clock):
        self.clock, self.queued, self.allocations, self.log = clock, 0, 7, []

    def synchronize(self):
        self.log.append("wait")
        self.clock.now += 0.5 * self.queued
        self.queued = 0

    def memory_stats(self):
        return {"allocation.all.allocated": self.allocations}

    def get_device_name(self):
        return "Some GPU"

    def render(self, camera):
        self.log.append("render")
        self.queued += 1
        self.allocations += 1
        self.clock.now += 0.001


@pytest.mark.parametrize(("seconds", "rounds"), [(0.1, 4), (0.3, 2), (5.0, 1)])
def test_whole_rounds_are_timed_for_at_least_a_second(clock, seconds, rounds):
    rendered = []

    def render(camera):
        rendered.append(camera)
        clock.now += seconds

    found = frame_rate(SimpleNamespace(render=render), ["a", "b", "c"])
    assert rendered == ["a", "b", "c"] * rounds
    assert found.fps == pytest.approx(1 / seconds)
    assert found.device == "cpu"


def test_a_gpus_queue_is_empty_at_both_ends(clock, monkeypatch):
    device = Gpu(clock)
    device.queued = 10
    monkeypatch.setattr(timing, "cuda_in_use", lambda: device)
    found = frame_rate(device, ["a", "b"])
    assert device.log == ["wait", "render", "render", "wait"]
    assert found.fps == pytest.approx(2 / 1.002)
    assert found.device == "Some GPU"


def test_a_gpu_that_only_the_fit_used_is_not_what_renders(clock, monkeypatch):
    monkeypatch.setattr(timing, "cuda_in_use", lambda: Gpu(clock))

    def render(camera):
        clock.now += 1.0

    assert frame_rate(SimpleNamespace(render=render), ["a"]).device == "cpu"


def test_asking_for_a_gpu_starts_none():
    import torch

    before = torch.cuda.is_initialized()
    gpu.cuda_in_use()
    assert torch.cuda.is_initialized() == before


def test_the_peak_is_that_of_the_body():
    with peak_memory() as before:
        pass
    if before.bytes is None:
        pytest.skip("this system does not tell a process's peak")
    with peak_memory() as within:
        held = np.ones(25_000_000)
        del held
    with peak_memory() as after:
        pass
    assert within.bytes - before.bytes > 150e6
    assert after.bytes < within.bytes - 100e6
    assert within.gpu_bytes is None


def test_a_peak_that_the_system_does_not_tell_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no-such-folder" / "clear_refs")
    with peak_memory() as peak:
        pass
    assert peak.bytes is None


def test_gpu_memory_is_what_torch_handed_out_since(monkeypatch):
    log = []
    device = SimpleNamespace(
        reset_peak_memory_stats=lambda: log.append("reset"), max_memory_allocated=lambda: 4096
    )
    monkeypatch.setattr(memory, "cuda_in_use", lambda: device)
    with peak_memory() as peak:
        log.append("body")
    assert log == ["reset", "body"]
    assert peak.gpu_bytes == 4096
