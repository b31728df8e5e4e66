"""The policy document against reasons.def as C compiled it, and against what C takes."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Mode, Reason, Scope, Unit, Use
from dataplane.policy import RULES
from tests.native.tables.policy_support import built

SECOND_Q16 = 10**9 << 16


def test_every_reason_with_a_choice_is_of_one_rule_type(library: ctypes.CDLL) -> None:
    chosen = [r for r in Reason if library.sb_reason_modes(r) != 1 << Mode.ENFORCE]
    of_rules = [reason for model in RULES.values() for reason in model.REASONS]
    assert sorted(of_rules) == chosen


def test_sanity_has_every_reason_of_its_stage(library: ctypes.CDLL) -> None:
    stage = abi.Stage.SANITY
    of_stage = [reason for reason in Reason if library.sb_reason_stage(reason) == stage]
    assert list(RULES["sanity"].REASONS) == of_stage


def test_a_profile_gets_the_defaults_and_over_them_the_document(library: ctypes.CDLL) -> None:
    rule = {"type": "sanity", "action": "monitor", "reasons": ["land"]}
    with built(library, {"name": "x", "rules": [rule]}) as table:
        profile = table.profile(0)
        assert profile.mode[Reason.LAND] == Mode.MONITOR
        assert profile.mode[Reason.TCP_FLAGS] == Mode.ENFORCE


def test_the_mode_of_a_profile_is_the_most_that_any_reason_has(library: ctypes.CDLL) -> None:
    off = {"type": "sanity", "action": "off", "reasons": ["land"]}
    with built(library, {"name": "x", "mode": "monitor", "rules": [off]}) as table:
        modes = table.profile(0).mode
        assert modes[Reason.LAND] == Mode.OFF
        assert modes[Reason.TCP_FLAGS] == modes[Reason.BLACKLIST] == Mode.MONITOR


def test_the_contracts_rate_limit_is_packets_of_each_source(library: ctypes.CDLL) -> None:
    with built(library, {"name": "x", "rules": [{"type": "rate_limit", "value": 1000}]}) as table:
        profile, limit = table.profile(0), table.profile(0).limit[0]
        assert (profile.limit_count, profile.uses) == (1, Use.LIMITS)
        assert (limit.scope, limit.unit) == (Scope.SOURCE, Unit.PACKETS)
        assert limit.reason == Reason.RATE_SOURCE_PACKETS
        assert limit.increment_q16 == SECOND_Q16 // 1000
        assert limit.burst_q16 == 1000 * limit.increment_q16
        assert (limit.bits_ipv4, limit.bits_ipv6) == (32, 64)


def test_lcores_share_what_more_than_one_source_pays_into(library: ctypes.CDLL) -> None:
    rules = [{"type": "rate_limit", "value": 1000, "per": per} for per in ("source", "global")]
    with built(library, {"name": "x", "rules": rules}, lcores=4) as table:
        source, whole = table.profile(0).limit[:2]
        assert source.increment_q16 == SECOND_Q16 // 1000
        assert whole.increment_q16 == SECOND_Q16 // 250
        assert whole.burst_q16 == 250 * whole.increment_q16


def test_ports_are_merged_and_reflectors_sorted(library: ctypes.CDLL) -> None:
    ports = {"type": "ports", "protocol": "tcp", "allow": ["8000-8100", 443, "80-81", 82, 8101]}
    reflectors = [{"port": 123, "size_min": 120, "ntp_modes": [7, 4]}, {"port": 53}]
    rules = [ports, {"type": "udp_amplification", "reflectors": reflectors}]
    with built(library, {"name": "x", "rules": rules}) as table:
        profile = table.profile(0)
        ranges = profile.ports_tcp.range[: profile.ports_tcp.count]
        assert [(one.first, one.last) for one in ranges] == [(80, 82), (443, 443), (8000, 8101)]
        assert not profile.ports_tcp.is_deny
        found = profile.reflector[: profile.reflector_count]
        assert [(one.port, one.size_min) for one in found] == [(53, 8), (123, 120)]
        assert [one.ntp_modes for one in found] == [0, 1 << 7 | 1 << 4]
        assert profile.uses == Use.PORTS_TCP | Use.REFLECTORS


def test_targets_select_their_profile(library: ctypes.CDLL) -> None:
    profiles = [
        {"name": "net", "targets": ["198.51.100.0/24", "2001:db8::/32"]},
        {"name": "host", "targets": ["198.51.100.7"]},
    ]
    with built(library, {"name": "x", "profiles": profiles}) as table:
        mapped = bytes(10) + b"\xff\xff" + bytes([198, 51, 100])
        assert table.select(mapped + b"\x07") == 2
        assert table.select(mapped + b"\x08") == 1
        assert table.select(bytes.fromhex("20010db8") + bytes(12)) == 1
        assert table.select(bytes(16)) == 0


LIMITS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["rate_limit", "icmp_limit"]),
        "value": st.integers(1, 10**12) | st.sampled_from([1, 8000, 10**8, 4 * 10**11]),
        "per": st.sampled_from(["source", "prefix", "destination", "global"]),
    },
    optional={
        "unit": st.sampled_from(["packets", "bits"]),
        "burst": st.integers(1, 10**13) | st.sampled_from([1, 80_000]),
        "prefix_ipv4": st.integers(1, 32),
        "prefix_ipv6": st.integers(1, 128),
    },
)
PORTS = st.lists(
    st.integers(0, 65535)
    | st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
        lambda pair: f"{min(pair)}-{max(pair)}"
    ),
    max_size=64,
)
OTHERS = st.one_of(
    st.builds(lambda ports: {"type": "ports", "protocol": "udp", "deny": ports}, PORTS),
    st.builds(lambda ports: {"type": "ports", "protocol": "tcp", "allow": ports}, PORTS),
    st.just({"type": "fragments", "action": "monitor"}),
    st.just({"type": "udp_amplification"}),
)


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=HealthCheck)
@given(rules=st.lists(LIMITS | OTHERS, max_size=6), lcores=st.sampled_from([1, 2, 16]))
def test_whatever_is_valid_is_taken_by_the_packet_path(
    library: ctypes.CDLL, rules: list[dict[str, Any]], lcores: int
) -> None:
    try:
        table = built(library, {"name": "x", "rules": rules}, lcores)
    except InvalidInputError:
        return
    table.close()


@pytest.mark.parametrize("lcores", [1, 16])
@pytest.mark.parametrize("per", ["source", "prefix", "destination", "global"])
@pytest.mark.parametrize(
    ("unit", "value"),
    [("packets", 1), ("packets", 10**8), ("bits", 8000), ("bits", 4 * 10**11)],
)
def test_the_extremes_of_a_limit_are_taken(
    library: ctypes.CDLL, per: str, unit: str, value: int, lcores: int
) -> None:
    rule = {"type": "rate_limit", "value": value, "unit": unit, "per": per}
    with built(library, {"name": "x", "rules": [rule]}, lcores) as table:
        limit = table.profile(0).limit[0]
        assert 0 < limit.increment_q16 <= limit.burst_q16


def test_http_is_what_the_packet_path_is_told(library: ctypes.CDLL) -> None:
    http = {"ports": [8080, 80], "fail": "closed", "body_limit": 5, "other": "pass"}
    with built(library, {"name": "x", "http": http}) as table:
        profile = table.profile(0)
        assert profile.uses == Use.HTTP
        found = profile.http
        assert list(found.port)[: found.port_count] == [80, 8080]
        assert (found.body_limit, found.fail_closed, found.pass_other) == (5, 1, 1)


@pytest.mark.parametrize(("mode", "uses"), [("monitor", Use.HTTP), ("off", 0)])
def test_a_profile_that_enforces_nothing_resets_nothing(
    library: ctypes.CDLL, mode: str, uses: int
) -> None:
    document = {"name": "x", "mode": mode, "http": {"ports": [80], "fail": "closed"}}
    with built(library, document) as table:
        profile = table.profile(0)
        assert (profile.uses, profile.http.fail_closed) == (uses, 0)
