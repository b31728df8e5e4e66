"""Codes: which there are, and the numbers they have in the packet path."""

from __future__ import annotations

import pytest

from dataplane.countries.codes import COUNTRIES, code_of, index_of, known
from dataplane.native import abi

OTHERS = {"EU", "XK", "ZZ"}


def test_all_249_assigned_codes_are_there_and_three_more() -> None:
    assert len(COUNTRIES - OTHERS) == 249
    assert OTHERS | {"DE", "US", "GB", "CN", "RU", "TW", "SS", "BQ"} <= COUNTRIES


def test_every_code_has_a_number_of_its_own_and_comes_back() -> None:
    numbers = {index_of(code): code for code in COUNTRIES}
    assert len(numbers) == len(COUNTRIES)
    assert all(code_of(number) == code for number, code in numbers.items())
    assert (index_of("ZZ"), index_of("AA"), index_of("AB")) == (0, 1, 2)
    assert max(numbers) <= abi.COUNTRY_MAX


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("UK", "GB"),
        ("", "ZZ"),
        ("??", "ZZ"),
        ("AN", "ZZ"),
        ("EU", "EU"),
    ],
)
def test_what_a_database_says_is_a_code_or_not_known(said: str, meant: str) -> None:
    assert known(said) == meant
