"""Pages are taken while the caller prints: in order, not too many, errors at their place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.cli.client.ahead import ahead
from tests.support.waiting import wait_for


def test_the_items_come_in_order_and_end():
    assert list(ahead(iter(range(100)))) == list(range(100))


def test_two_are_taken_before_the_caller_asks_and_no_more():
    taken = []

    def items() -> Iterator[int]:
        for n in range(10):
            taken.append(n)
            yield n

    found = ahead(items())
    wait_for(lambda: len(taken) == 2, "two are taken")  # one is in the queue, one waits for room
    assert next(found) == 0
    wait_for(lambda: len(taken) == 3, "another one is taken")
    assert list(found) == list(range(1, 10))


def test_an_error_is_raised_behind_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("on purpose")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="on purpose"):
        next(found)
