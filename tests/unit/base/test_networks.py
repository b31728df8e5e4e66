"""Every spelling of a network becomes one value, or an error that says why not."""

from __future__ import annotations

import ipaddress
import random

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network


@pytest.mark.parametrize(
    ("text", "canonical", "family", "prefix_length"),
    [
        ("203.0.113.7", "203.0.113.7", 4, 128),
        ("203.0.113.7/32", "203.0.113.7", 4, 128),
        ("203.0.113.0/24", "203.0.113.0/24", 4, 120),
        ("0.0.0.0/0", "0.0.0.0/0", 4, 96),
        ("::ffff:203.0.113.7", "203.0.113.7", 4, 128),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24", 4, 120),
        ("::ffff:0:0/96", "0.0.0.0/0", 4, 96),
        ("2001:DB8:0:0::/32", "2001:db8::/32", 6, 32),
        ("2001:db8::1", "2001:db8::1", 6, 128),
        ("::/0", "::/0", 6, 0),
    ],
)
def test_a_network_has_one_spelling(
    text: str, canonical: str, family: int, prefix_length: int
) -> None:
    network = Network.parse(text)
    assert (str(network), network.family, network.prefix_length) == (
        canonical,
        family,
        prefix_length,
    )
    assert Network.parse(str(network)) == network
    assert network.is_address == (prefix_length == 128)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "1.2.3",
        "01.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4\0",
        "1.2.3.4/",
        "1.2.3.0/33",
        "1.2.3.0/-1",
        "1.2.3.0/08",
        "1.2.3.0/²4",
        "1.2.3.0/24/24",
        "1.2.3.0/255.255.255.0",
        "fe80::1%eth0",
        "2001:db8::/129",
        "::ffff:0.0.0.0/95",
        "\ud800",
        "1" * 100_000,
    ],
)
def test_what_is_no_network_is_refused_by_field_value_and_rule(text: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        Network.parse(text)
    assert refusal.value.field == "ip"
    assert refusal.value.limit
    assert len(str(refusal.value)) < 200


def test_host_bits_are_refused_with_the_network_they_mean() -> None:
    with pytest.raises(InvalidInputError, match=r"203\.0\.113\.0/24"):
        Network.parse("203.0.113.7/24")


def test_containment_agrees_with_the_standard_library() -> None:
    seed = 20
    print("seed", seed)
    rng = random.Random(seed)
    texts = [
        str(ipaddress.ip_network((base | rng.getrandbits(8) << 4, bits), strict=False))
        for base, low, high in ((10 << 24, 20, 32), (0x20010DB8 << 96, 110, 128))
        for bits in (rng.randint(low, high) for _ in range(60))
    ]
    for one in texts:
        for other in texts:
            expected = ipaddress.ip_network(one).version == ipaddress.ip_network(
                other
            ).version and ipaddress.ip_network(other).subnet_of(ipaddress.ip_network(one))  # type: ignore[arg-type]
            assert Network.parse(one).contains(Network.parse(other)) == expected, (one, other)


def test_the_ipv6_default_route_does_not_contain_ipv4() -> None:
    assert not Network.parse("::/0").contains(Network.parse("192.0.2.1"))
    assert Network.parse("::/0").contains(Network.parse("2001:db8::1"))
