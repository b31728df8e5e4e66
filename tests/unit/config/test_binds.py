"""Addresses to listen on in secbeat.toml."""

from __future__ import annotations

import pytest

from appliance.config.binds import Bind
from tests.unit.config.documents import parsed


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:1", "127.0.0.2:1", False),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("[::]:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "[::1]:1", False),
        ("[::1]:1", "127.0.0.1:1", False),
    ],
)
def test_binds_collide_as_in_the_kernel(one: str, other: str, collide: bool) -> None:
    assert Bind.parse(one).collides(Bind.parse(other)) is collide
    assert Bind.parse(other).collides(Bind.parse(one)) is collide


@pytest.mark.parametrize("text", ["::1:9", "[127.0.0.1]:9", "[::1]", "1.2.3.4:", ":9", "[]:9"])
def test_bind_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be ADDRESS:PORT|is not an IP address"):
        Bind.parse(text)


def test_bind_is_one_address_or_a_list() -> None:
    assert parsed().api.bind == ("127.0.0.1:9999", "[::1]:9999")
    assert parsed(api={"bind": "192.0.2.1:9"}).api.bind == ("192.0.2.1:9",)
    both = ["192.0.2.1:9", "[2001:db8::1]:9"]
    assert parsed(api={"bind": both}).api.bind == tuple(both)
