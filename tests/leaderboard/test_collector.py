"""The garbage collector rests while records are in hand, and goes on afterwards as it was."""

import gc

import pytest

from leaderboard.collector import uncollected


def test_the_collector_rests_and_goes_on_even_after_an_error():
    seen = []
    with pytest.raises(OSError, match="disk"):
        rest_and_fail(seen)
    assert seen == [False]
    assert gc.isenabled()


def rest_and_fail(seen: list[bool]) -> None:
    with uncollected():
        seen.append(gc.isenabled())
        raise OSError("disk")


def test_who_had_none_gets_none():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
