import pytest

from renderbench.evaluation.ledger import Ledger


def test_both_sums_come_from_one_ledger():
    ledger = Ledger({"read": 1.0, "transfer": 2.0})
    ledger.add("views", 30.0)
    ledger.add("optimise", 4.0)
    ledger.add("optimise", 1.0)
    assert ledger.as_dict() == {"read": 1.0, "transfer": 2.0, "views": 30.0, "optimise": 5.0}
    assert ledger.without_views() == 8.0
    assert ledger.full() == 38.0


def test_time_counts_even_when_the_work_fails():
    ledger = Ledger()
    with pytest.raises(RuntimeError), ledger.timed("infer"):
        raise RuntimeError
    assert ledger.full() > 0


def test_unknown_items_are_refused():
    with pytest.raises(ValueError, match="optimize"):
        Ledger().add("optimize", 1.0)
