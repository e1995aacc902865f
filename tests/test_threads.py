import os

import pytest

from renderbench.errors import InputError
from renderbench.threads import VARIABLE, thread_count


def test_the_environment_decides_then_the_cores_granted(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert thread_count() == len(os.sched_getaffinity(0))
    monkeypatch.setenv(VARIABLE, "3")
    assert thread_count() == 3


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_nonsense_is_one_clear_line(monkeypatch, value):
    monkeypatch.setenv(VARIABLE, value)
    with pytest.raises(InputError, match="RENDERBENCH_THREADS: expected a number of threads"):
        thread_count()
