"""The packet loop over DPDK's pcap and ring ports, each run in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataplane.native.abi import HANDOVER_SLOTS
from tests.support.values.captures import (
    assorted,
    client_of,
    inbound,
    mark_of,
    outbound,
    read_frames,
    write_frames,
)

pytestmark = pytest.mark.skipif(
    "sanitize" in os.environ.get("SECBEAT_LIBRARY", ""), reason="the library part without DPDK"
)


def run(directory: Path, **scenario: object) -> dict[str, Any]:
    """Run a scenario of ``worker_child``; the ledger must hold whatever it was."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.servers.worker_child"],
        input=json.dumps({"directory": str(directory), **scenario}),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    assert result["joined"]
    for port in result["ports"]:
        fates = port["forwarded"] + port["consumed"] + sum(port["dropped"].values())
        assert port["received"] == fates + port["held_now"], result
        assert port["held_now"] == 0, result
    return result


def pcap_port(number: int, *queues: tuple[Path, Path]) -> str:
    """A pcap device: for each queue what it receives and where its transmissions go."""
    files = ",".join(f"rx_pcap={rx},tx_pcap={tx}" for rx, tx in queues)
    return f"net_pcap{number},{files}"


def capture(directory: Path, name: str, frames: list[bytes]) -> Path:
    return write_frames(directory / f"{name}.pcap", frames)


def test_frames_leave_by_the_other_port_unchanged_and_in_order(tmp_path: Path) -> None:
    inwards = assorted() * 20
    outwards = [outbound("198.18.0.9", 80, mark) for mark in range(100)]
    outside_tx, inside_tx = tmp_path / "outside-tx.pcap", tmp_path / "inside-tx.pcap"

    result = run(
        tmp_path,
        outside=pcap_port(0, (capture(tmp_path, "outside-rx", inwards), outside_tx)),
        inside=pcap_port(1, (capture(tmp_path, "inside-rx", outwards), inside_tx)),
        settled=len(inwards) + len(outwards),
    )

    assert result["reached"]
    assert read_frames(inside_tx) == inwards
    assert read_frames(outside_tx) == outwards
    assert [port["forwarded"] for port in result["ports"]] == [len(inwards), len(outwards)]
    assert result["ports"][0]["forwarded_bytes"] == sum(map(len, inwards))
    assert result["ports"][0]["received_bytes"] == sum(map(len, inwards))


def test_every_forwarded_packet_is_in_one_latency_bucket(tmp_path: Path) -> None:
    frames = [inbound("198.18.0.1") for _ in range(200)]

    result = run(
        tmp_path,
        outside=pcap_port(0, (capture(tmp_path, "rx", frames), tmp_path / "a.pcap")),
        inside=pcap_port(1, (capture(tmp_path, "none", []), tmp_path / "b.pcap")),
        settled=200,
    )

    assert result["latency_count"] == result["latency_buckets"] == 200


def test_a_banned_source_stops_and_its_neighbour_goes_on(tmp_path: Path) -> None:
    frames = [inbound(f"198.18.0.{1 + mark % 2}", mark=mark) for mark in range(200)]
    inside_tx = tmp_path / "inside-tx.pcap"

    result = run(
        tmp_path,
        outside=pcap_port(0, (capture(tmp_path, "rx", frames), tmp_path / "a.pcap")),
        inside=pcap_port(1, (capture(tmp_path, "none", []), inside_tx)),
        settled=200,
        banned=["198.18.0.1"],
    )

    assert read_frames(inside_tx) == frames[1::2]
    assert result["ports"][0]["dropped"] == {"blacklist": 100}
    assert result["profile_drops"] == {"blacklist": 100}
    assert result["mbufs_used"] == 0


def test_what_a_full_transmit_queue_refuses_is_charged_to_the_receiving_port(
    tmp_path: Path,
) -> None:
    frames = [inbound("198.18.0.1", 100, mark) for mark in range(200)]

    result = run(
        tmp_path,
        outside=pcap_port(0, (capture(tmp_path, "rx", frames), tmp_path / "a.pcap")),
        inside="net_ring_narrow",
        ring_ports={"net_ring_narrow": 64},
        settled=200,
    )

    outside, inside = result["ports"]
    assert outside["forwarded"] == 63
    assert outside["dropped"] == {"tx_full": 137}
    assert outside["dropped_bytes"] == 137 * 100
    assert outside["forwarded_bytes"] == 63 * 100
    assert result["profile_drops"] == {"tx_full": 137}
    assert inside["received"] == 0
    # The rest waits in the ring.
    assert result["mbufs_used"] == 63


def test_a_frame_in_several_segments_is_forwarded_whole(tmp_path: Path) -> None:
    frames = [inbound("198.18.0.1", size) for size in (1514, 4000, 9014)]
    inside_tx = tmp_path / "inside-tx.pcap"

    result = run(
        tmp_path,
        outside=pcap_port(0, (capture(tmp_path, "rx", frames), tmp_path / "a.pcap")),
        inside=pcap_port(1, (capture(tmp_path, "none", []), inside_tx)),
        settled=3,
        mtu=9000,
        room=2048,
    )

    assert read_frames(inside_tx) == frames
    assert result["ports"][0]["forwarded_bytes"] == sum(map(len, frames))


class TestTwoLcores:
    """Ownership: every client has one lcore, wherever its packets arrive."""

    def run_two(
        self, directory: Path, queues: list[list[bytes]], *, second_is_late: bool = False
    ) -> dict[str, Any]:
        empty = capture(directory, "none", [])
        received = [capture(directory, f"rx{i}", frames) for i, frames in enumerate(queues)]
        outside = [(rx, directory / f"outside-tx{i}.pcap") for i, rx in enumerate(received)]
        inside = [(empty, directory / f"inside-tx{i}.pcap") for i in range(2)]
        return run(
            directory,
            outside=pcap_port(0, *outside),
            inside=pcap_port(1, *inside),
            settled=sum(map(len, queues)),
            lcores=2,
            second_is_late=second_is_late,
        )

    def sent(self, directory: Path) -> list[list[bytes]]:
        return [read_frames(directory / f"inside-tx{index}.pcap") for index in range(2)]

    def test_each_client_leaves_by_its_owner_once_and_in_order(self, tmp_path: Path) -> None:
        clients = [f"198.18.{i // 250}.{1 + i % 250}" for i in range(64)]
        first = [inbound(clients[mark % 32], 100, mark) for mark in range(800)]
        second = [inbound(clients[32 + mark % 32], 100, mark) for mark in range(800)]

        result = self.run_two(tmp_path, [first, second])

        sent = self.sent(tmp_path)
        assert sorted(sent[0] + sent[1]) == sorted(first + second)
        owners = [{client_of(frame) for frame in frames} for frames in sent]
        assert owners[0]
        assert owners[1]
        assert not owners[0] & owners[1]
        for frames in sent:
            for client in {client_of(frame) for frame in frames}:
                marks = [mark_of(frame) for frame in frames if client_of(frame) == client]
                assert marks == sorted(marks)
        assert result["received_by_lcore"] == [800, 800]
        assert result["handover_lost"] == 0

    def test_misrouted_counts_exactly_what_changed_lcores(self, tmp_path: Path) -> None:
        clients = [f"198.18.1.{1 + i}" for i in range(32)]
        frames = [inbound(clients[mark % 32], 100, mark) for mark in range(640)]

        result = self.run_two(tmp_path, [frames, []])

        assert result["received_by_lcore"] == [640, 0]
        assert result["misrouted"] == result["forwarded_by_lcore"][1] > 0

    def test_what_a_full_ring_refuses_is_charged_to_the_receiving_port(
        self, tmp_path: Path
    ) -> None:
        clients = [f"198.18.1.{1 + i}" for i in range(32)]
        frames = [inbound(clients[mark % 32], 100, mark) for mark in range(4000)]

        result = self.run_two(tmp_path, [frames, []], second_is_late=True)

        outside = result["ports"][0]
        lost = result["misrouted"] - HANDOVER_SLOTS
        assert lost > 0
        assert outside["dropped"] == {"handover_full": lost}
        assert outside["dropped_bytes"] == 100 * lost
        assert result["handover_lost"] == lost
        assert result["forwarded_by_lcore"][1] == HANDOVER_SLOTS
        assert result["profile_drops"] == {"handover_full": lost}
        # The oldest are those that were taken.
        marks = [mark_of(frame) for frame in self.sent(tmp_path)[1]]
        owned = [mark for mark in range(4000) if mark % 32 in {m % 32 for m in marks}]
        assert marks == owned[:HANDOVER_SLOTS]


def test_a_port_without_a_queue_for_each_lcore_is_refused(tmp_path: Path) -> None:
    empty = capture(tmp_path, "none", [])
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.servers.worker_child"],
        input=json.dumps(
            {
                "directory": str(tmp_path),
                "outside": pcap_port(0, (empty, tmp_path / "a.pcap")),
                "inside": pcap_port(1, (empty, tmp_path / "b.pcap")),
                "settled": 0,
                "lcores": 2,
            }
        ),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert process.returncode != 0
    assert "has 1 queue, dataplane.lcores = 2 needs one each: lower it to 1" in process.stderr
