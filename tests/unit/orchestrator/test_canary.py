"""The judge of a canary compares shares of dropped packets."""

from __future__ import annotations

import pytest

from api.orchestrator.policies.canary import Counters, complaint, ratio_before


def stats(packets: int, dropped: int, would: int = 0) -> dict[str, float | int | None]:
    return {"packets_processed": packets, "packets_dropped": dropped, "would_drop": would}


@pytest.mark.parametrize(
    ("last", "before", "ratio"),
    [
        (stats(2000, 30), stats(1000, 20), 0.01),
        (stats(2000, 20, 20), stats(1000, 0), 0.04),
        (stats(1000, 100), None, 0.1),
        (stats(1000, 100), stats(5000, 7), 0.1),
        (stats(1050, 50), stats(1000, 0), 0.0),
        ({}, stats(1000, 0), 0.0),
        (None, None, 0.0),
    ],
    ids=["two heartbeats", "would drop", "one", "began anew", "too few", "not known", "none"],
)
def test_what_was_dropped_before(last: object, before: object, ratio: float) -> None:
    assert ratio_before(last, before) == pytest.approx(ratio)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("was", "packets", "dropped", "is_good"),
    [(0.0, 1000, 10, True), (0.0, 1000, 11, False), (0.3, 1000, 309, True), (0.0, 99, 99, True)],
)
def test_a_canary_may_drop_as_much_more_as_the_bound(
    was: float, packets: int, dropped: int, is_good: bool
) -> None:
    assert (complaint(was, Counters(packets, dropped), 0.01) is None) is is_good


def test_counters_that_went_back_have_begun_anew() -> None:
    assert Counters(10, 0).since(Counters(20, 0)) is None
    assert Counters(30, 2).since(Counters(20, 1)) == Counters(10, 1)
