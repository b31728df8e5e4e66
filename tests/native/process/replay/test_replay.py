"""Replay: directions, the capture's clock, cut packets, lists, and the ledger."""

from __future__ import annotations

import ctypes
import io
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataplane.base.errors import InvalidInputError, NativeError
from dataplane.base.input.list_file import read_list_file
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.pcap import Batch, read_batches
from dataplane.policy import parse_policy
from dataplane.replay.inputs import INSIDE_MAX, ListCapacities
from dataplane.replay.replay import Replay
from dataplane.replay.replay_report import ReplayReport
from tests.native.frames import CLIENT4, TCP, ip4, link
from tests.support.values.mixed_capture import (
    ALLOWLIST,
    BLACKLIST,
    INSIDE,
    Sample,
    mixed,
    write_mixed,
)

NETWORKS = [Network.parse(text) for text in INSIDE]
Start = Callable[..., Replay]


@pytest.fixture
def start(library: ctypes.CDLL) -> Start:
    def build(inside: Sequence[Network] = NETWORKS, **options: object) -> Replay:
        return Replay(inside, native=library, **options)  # type: ignore[arg-type]

    return build


def lists(tmp_path: Path) -> dict[abi.ListKind, Iterable[Network]]:
    (tmp_path / "black").write_text(BLACKLIST)
    (tmp_path / "allow").write_text(ALLOWLIST)
    return {
        abi.ListKind.BLACKLIST: read_list_file(tmp_path / "black"),
        abi.ListKind.ALLOWLIST: read_list_file(tmp_path / "allow"),
    }


def batch_of(packets: Iterable[tuple[int, bytes, int]]) -> Batch:
    """Packets as (timestamp, data, length)."""
    buffer, records = bytearray(), array("Q")
    for timestamp_ns, data, length in packets:
        records.extend((timestamp_ns, len(buffer), len(data), length))
        buffer += data
    return Batch(buffer, records, 0)


def sample(name: str) -> Sample:
    return next(one for one in mixed() if one.name == name)


def one(start: Start, data: bytes, length: int | None = None) -> tuple[abi.Verdict, ReplayReport]:
    with start() as replay:
        (verdict,) = replay.run(batch_of([(1, data, length or len(data))]))
        return abi.Verdict(verdict), replay.report()


def test_each_packet_of_a_mixed_capture_meets_its_fate(start: Start, tmp_path: Path) -> None:
    write_mixed(tmp_path / "in.pcap")
    verdicts: list[int] = []
    with start() as replay, (tmp_path / "in.pcap").open("rb") as file:
        assert replay.load_lists(lists(tmp_path), ListCapacities(100, 100)) == 4
        for batch in read_batches(file):
            verdicts += replay.run(batch)
        report = replay.report()
    fates = {s.name: abi.Verdict(v).name for s, v in zip(mixed(), verdicts, strict=True)}
    assert fates == {s.name: "DROP" if s.reason else "PASS" for s in mixed()}
    assert report.dropped == Counter(s.reason for s in mixed() if s.reason)
    assert report.would_drop == {}
    assert report.packets == len(mixed())
    for name, port in report.ports.items():
        here = [s for s in mixed() if s.port == name]
        assert port.received == len(here)
        assert port.received_bytes == sum(len(s.data) for s in here)
        assert port.forwarded == sum(1 for s in here if not s.reason)
        assert port.dropped == Counter(s.reason for s in here if s.reason)
    assert report.balanced
    assert report.cut == sum(1 for s in mixed() if s.kept < len(s.data))
    assert report.cut_unjudged == 2
    assert report.link_scope == 3
    assert report.allowed == 1
    assert report.inside_neither == 1
    assert report.inside_both == 3
    assert report.no_address == 2


def test_what_neighbours_of_the_policy_say_is_counted(start: Start) -> None:
    peers = [{"address": CLIENT4, "protocols": ["bgp"]}]
    closed = {"type": "ports", "protocol": "tcp", "allow": []}
    policy = parse_policy({"name": "x", "rules": [closed], "neighbors": peers})
    said = [bytes(link("untagged") / ip4() / TCP(dport=port)) for port in (179, 80)]
    with start(policy=policy) as replay:
        replay.run(batch_of((1, data, len(data)) for data in said))
        report = replay.report()
    assert (report.neighbors, report.forwarded, report.dropped) == (1, 1, {"ports_tcp": 1})


def test_the_ledger_holds_however_the_capture_is_batched(start: Start, tmp_path: Path) -> None:
    reports = []
    for gap_ns in (0, 1, 50_000, 10_000_000_000):
        for chunk_bytes in (64, 1000, 1 << 20):
            write_mixed(tmp_path / "in.pcap", gap_ns)
            content = (tmp_path / "in.pcap").read_bytes()
            with start() as replay:
                for batch in read_batches(io.BytesIO(content), chunk_bytes):
                    replay.run(batch)
                reports.append(replay.report())
    assert all(report.balanced for report in reports)
    assert len({(r.packets, r.forwarded, tuple(r.dropped.items())) for r in reports}) == 1


def test_a_policy_in_monitor_mode_drops_nothing_and_counts(start: Start, tmp_path: Path) -> None:
    write_mixed(tmp_path / "in.pcap")
    rules = [{"type": t, "action": "monitor"} for t in ("sanity", "blacklist")]
    policy = parse_policy({"name": "watch", "rules": rules})
    with start(policy=policy) as replay, (tmp_path / "in.pcap").open("rb") as file:
        replay.load_lists(lists(tmp_path), ListCapacities(100, 100))
        verdicts = [v for batch in read_batches(file) for v in replay.run(batch)]
        report = replay.report()
    assert set(verdicts) == {abi.Verdict.PASS}
    assert report.dropped == {}
    assert report.would_drop == Counter(s.reason for s in mixed() if s.reason)
    assert report.balanced


def test_a_short_packet_is_truncated_only_where_the_wire_had_no_more(start: Start) -> None:
    data = sample("v4").data
    for size in range(1, len(data)):
        assert one(start, data[:size], len(data))[0] is abi.Verdict.PASS
        assert one(start, data[:size])[0] is abi.Verdict.DROP


def test_the_clock_never_goes_back(start: Start) -> None:
    data = sample("v4").data
    times = [10**18, 10**18 + 5, 10**18 + 2, 0, 10**18 + 9_000_000_000]
    with start() as replay:
        replay.run(batch_of((time, data, len(data)) for time in times))
        report = replay.report()
    assert report.clock_backwards == 2
    assert report.duration_ns == 9_000_000_000
    assert report.balanced


@pytest.mark.parametrize(
    ("gap_ns", "bursts"), [(0, 2), (3_000, 2), (10_000, 6), (100_000, 32), (100_001, 64)]
)
def test_packets_further_apart_than_100_us_share_no_burst(
    start: Start, gap_ns: int, bursts: int
) -> None:
    data = sample("v4").data
    with start() as replay:
        replay.run(batch_of((i * gap_ns, data, len(data)) for i in range(64)))
        assert replay._lcore.bursts == bursts
        assert replay.report().forwarded == 64


def test_a_leap_of_centuries_does_not_overflow_the_clock(start: Start) -> None:
    data = sample("v4").data
    with start() as replay:
        replay.run(batch_of([(0, data, len(data)), ((1 << 63) - 1, data, len(data))]))
        assert replay.report().forwarded == 2


def test_a_packet_larger_than_a_descriptor_can_say_counts_as_cut(start: Start) -> None:
    data = sample("v4").data + bytes(80_000)
    verdict, report = one(start, data)
    assert (verdict, report.cut) == (abi.Verdict.PASS, 1)


@pytest.mark.parametrize(
    ("inside", "port"),
    [
        ("198.51.100.1", "outside"),
        ("0.0.0.0/1", "inside"),
        ("203.0.113.0/24", "inside"),
        ("2001:db8::/32", "outside"),
    ],
)
def test_the_inside_prefix_decides_where_a_packet_came_in(
    start: Start, inside: str, port: str
) -> None:
    data = sample("v4").data
    if inside == "0.0.0.0/1":  # covers the source if it is swapped to a low address
        data = data.replace(bytes([203, 0, 113, 7]), bytes([20, 0, 113, 7]))
        data = data[:24] + bytes(2) + data[26:]
    policy = parse_policy({"name": "x", "rules": [{"type": "sanity", "action": "off"}]})
    with start([Network.parse(inside)], policy=policy) as replay:
        replay.run(batch_of([(1, data, len(data))]))
        assert replay.report().ports[port].received == 1


def test_a_record_beyond_the_buffer_is_refused_before_anything_runs(start: Start) -> None:
    data = sample("v4").data
    good = batch_of([(1, data, len(data))])
    for record in ((1, 0, len(data) + 1, 100), (1, len(data) + 1, 0, 0), (1, 2**64 - 1, 2, 2)):
        bad = Batch(good.buffer, good.records + array("Q", record), 0)
        with start() as replay:
            with pytest.raises(NativeError):
                replay.run(bad)
            assert replay.report().packets == 0


@pytest.mark.parametrize("count", [0, INSIDE_MAX + 1])
def test_the_number_of_inside_prefixes_has_a_limit(start: Start, count: int) -> None:
    with pytest.raises(InvalidInputError, match=str(INSIDE_MAX)):
        start(NETWORKS[:1] * count)


def test_lists_that_do_not_fit_are_refused_with_the_entry(start: Start) -> None:
    many = [Network.parse(f"10.{i >> 8}.{i & 255}.0/24") for i in range(2000)]
    with start() as replay, pytest.raises(InvalidInputError, match="limit 1 addresses and 64"):
        replay.load_lists({abi.ListKind.BLACKLIST: many}, ListCapacities(1, 64))


def test_closing_twice_is_once(start: Start, tmp_path: Path) -> None:
    replay = start()
    replay.load_lists(lists(tmp_path), ListCapacities(100, 100))
    replay.close()
    replay.close()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packets=st.lists(
        st.tuples(st.integers(0, (1 << 63) - 1), st.binary(max_size=200), st.integers(0, 1 << 32)),
        max_size=100,
    )
)
def test_any_bytes_keep_the_ledger(start: Start, packets: list[tuple[int, bytes, int]]) -> None:
    with start() as replay:
        verdicts = replay.run(
            batch_of((ns, data, max(length, len(data))) for ns, data, length in packets)
        )
        report = replay.report()
    assert report.balanced
    assert report.packets == len(packets)
    assert report.forwarded == verdicts.count(abi.Verdict.PASS)


def test_what_nobody_judges_inside_is_said(start: Start) -> None:
    """PPP's own protocols and a pseudowire pass, and the report says how many there were."""
    carried = [
        bytes(12) + bytes.fromhex("886411000001000ac021") + bytes(44),
        bytes(12) + bytes.fromhex("884700010140") + bytes(46),
        bytes(12) + bytes.fromhex("0806") + bytes(46),
    ]
    with start() as replay:
        replay.run(batch_of([(1, data, len(data)) for data in carried]))
        report = replay.report()
    assert (report.link_scope, report.link_other, report.forwarded) == (3, 2, 3)
    assert report.encapsulated == 0


def test_a_banned_source_inside_a_session_or_behind_labels_is_dropped(start: Start) -> None:
    """A DNS question of 48 bytes from 198.51.100.7 to 203.0.113.10."""
    packet = bytes.fromhex("450000300001000040111477c6336407cb00710a00010035001ce485" + 20 * "78")
    stations = bytes.fromhex("020000000002020000000001")
    frames = [
        stations + bytes.fromhex("88641100000100320021") + packet,
        stations + bytes.fromhex("884700064140") + packet,
    ]
    ban = {abi.ListKind.BLACKLIST: [Network.parse("198.51.100.7")]}
    with start([Network.parse("203.0.113.0/24")]) as replay:
        assert set(replay.run(batch_of([(1, one, len(one)) for one in frames]))) == {
            abi.Verdict.PASS
        }
    with start([Network.parse("203.0.113.0/24")]) as replay:
        replay.load_lists(ban, ListCapacities(64, 64))
        replay.run(batch_of([(1, one, len(one)) for one in frames]))
        report = replay.report()
    assert report.dropped == {"blacklist": 2}
    assert (report.encapsulated, report.link_scope, report.no_address) == (2, 0, 0)
    assert report.balanced
