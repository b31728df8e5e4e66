"""What the schemas say of networks and selectors is what their readers take."""

from __future__ import annotations

import re

import pytest

from api.orchestrator.selector import SELECTOR_SCHEMA, parse_selector
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.network_schema import network_schema
from dataplane.base.networks import Network

PATTERNS = [each["pattern"] for each in network_schema("")["anyOf"] if "pattern" in each]


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0/0", "203.0.113.0/24", "192.0.2.1/32", "255.255.255.255/32"),
        *("::/0", "2001:db8::/32", "1:2:3:4:5:6:7:8/128", "1::8/128", "1:2:3:4:5:6:7::/112"),
        *("::2:3:4:5:6:7:8/128", "::ffff:192.0.2.0/120", "64:ff9b::192.0.2.0/120", "ABCD::/16"),
        *("1:2:3:4:5:6:1.2.3.4/128", "1::5:6:1.2.3.4/128"),
    ],
)
def test_a_prefix_that_is_taken_is_in_the_schema(text: str) -> None:
    Network.parse(text)
    assert [bool(re.match(each, text)) for each in PATTERNS].count(True) == 1


@pytest.mark.parametrize(
    "text",
    [
        *("256.0.0.0/8", "01.0.0.0/8", "1.2.3/24", "1.2.3.4.5/32", "0.0.0.0/33", "0.0.0.0/00"),
        *("1.2.3.4/", "1.2.3.4", "0000000/0"),
        *("1:2:3:4:5:6:7:8:9/128", "1::2::3/128", ":1::/16", "4ac4:/0", "12345::/16", "::/129"),
        *("1:2:3:4:5:6:7:1.2.3.4/128", "::1.2.3/128", "e2/117", "fe80::%1/64", "::/064"),
    ],
)
def test_a_text_that_is_no_prefix_is_not(text: str) -> None:
    assert not any(re.match(each, text) for each in PATTERNS)
    if "/" in text and not text.endswith("/"):
        with pytest.raises(InvalidInputError):
            Network.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "a=b",
            "a==b",
            " a = b , c in ( d , e ) ",
            "a in(b)",
            "a.b/c-d=E_f",
            "a=b,\tc=d",
        ),
        *("a", "a=", "=b", "a=b,", ",a=b", "a inb", "a in ()", "a in (b,)", "a=b c=d", "a=ü"),
        *("a ==b", "a= =b", "ain (b)"),
    ],
)
def test_a_selector_is_in_the_schema_if_and_only_if_it_is_taken(text: str) -> None:
    try:
        parse_selector(text)
        is_taken = True
    except InvalidInputError:
        is_taken = False
    assert bool(re.match(SELECTOR_SCHEMA["pattern"], text)) == is_taken
