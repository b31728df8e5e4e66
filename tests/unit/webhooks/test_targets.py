"""Where webhooks may go."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from api.webhooks.targets import Target, TargetError, addresses

PUBLIC = "93.184.216.34"
URL = "https://hooks.example/path?key=1"


def resolving(*answers: Sequence[str]) -> object:
    """A name server that says another thing each time it is asked."""
    left = list(answers)
    return lambda _host, _port: left.pop(0)


@pytest.mark.parametrize(
    ("url", "host", "port", "request_", "shown"),
    [
        (URL, "hooks.example", 443, "/path?key=1", "https://hooks.example"),
        ("https://Hooks.Example.:8443", "hooks.example", 8443, "/", "https://hooks.example:8443"),
        ("https://[2001:DB8::1]/x", "2001:db8::1", 443, "/x", "https://[2001:db8::1]"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, request_: str, shown: str) -> None:
    found = Target.parse(url)
    assert (found.host, found.port, found.request, found.shown) == (host, port, request_, shown)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "printable"),
        ("https://a b/", "printable"),
        ("https://\u00e9.example/", "printable"),
        ("https://x/" + "a" * 2048, "2048"),
        ("ftp://x/", "https://"),
        ("https://", "https://"),
        ("https:///path", "https://"),
        ("https://x:99999/", "is no URL"),
        ("https://[::1/", "is no URL"),
        ("https://user@x/", "user"),
        ("https://x/#there", "fragment"),
        ("http://x/", "https, unless x is in"),
    ],
)
def test_other_urls_are_refused(url: str, why: str) -> None:
    with pytest.raises(TargetError, match=why):
        Target.parse(url)


@pytest.mark.parametrize("allowed", ["Hooks.example.", "hooks.example"])
def test_http_is_for_hosts_that_are_allowed(allowed: str) -> None:
    assert Target.parse("http://hooks.example/", [allowed]).port == 80


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "255.255.255.255", "224.0.0.1", "198.18.0.1", "192.0.2.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1", "2002:7f00:1::", "2002:a00:1::1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        # Teredo: the client's address is in the last 32 bits, inverted (RFC 4380 section 4).
        "2001:0:5db8:d822:0:0:f5ff:fffe",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    target = Target.parse(URL)
    with pytest.raises(TargetError, match=r"is not public: name the host in webhooks\.allow_hosts"):
        addresses(target, [], resolving([address]))  # type: ignore[arg-type]
    with pytest.raises(TargetError):
        addresses(target, [], resolving([PUBLIC, address]))  # type: ignore[arg-type]
    found = addresses(target, ["hooks.example"], resolving([address]))  # type: ignore[arg-type]
    assert found == [address]


@pytest.mark.parametrize(
    "address", [PUBLIC, "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_what_is_public_is_taken(address: str) -> None:
    assert addresses(Target.parse(URL), [], resolving([address])) == [address]  # type: ignore[arg-type]


def test_a_name_is_asked_once_for_an_attempt_so_that_it_cannot_change_its_mind() -> None:
    resolver = resolving([PUBLIC], ["127.0.0.1"])
    assert addresses(Target.parse(URL), [], resolver) == [PUBLIC]  # type: ignore[arg-type]
    with pytest.raises(TargetError):
        addresses(Target.parse(URL), [], resolver)  # type: ignore[arg-type]


def test_a_name_without_addresses_is_refused() -> None:
    with pytest.raises(TargetError, match=r"hooks\.example has no address"):
        addresses(Target.parse(URL), [], resolving([]))  # type: ignore[arg-type]
