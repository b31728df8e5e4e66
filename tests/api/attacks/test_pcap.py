"""``/attacks/{attack}/pcap``, read by tshark."""

from __future__ import annotations

import subprocess
from pathlib import Path

from api.management.attacks.rows import CAPTURES_MAX
from api.management.settings import ApiSettings
from tests.api.conftest import Api, FakeDataplane
from tests.support.clock import FakeClock
from tests.support.values.incidents import SYN_FLOOD
from tests.support.values.recorded import Recorded

SYN = bytes.fromhex(
    "020000000002020000000001080045000028000140004006fd3cc0000264cb00710a"
    "3039005000000001000000005002200000000000"
)
"""192.0.2.100:12345 to 203.0.113.10:80."""


def tshark(file: Path, *fields: str) -> list[list[str]]:
    """What tshark reads of each packet."""
    command = ["tshark", "-n", "-r", str(file), "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_tshark_shows_the_reason_in_the_comment_of_each_packet(
    api: Api, recorded: Recorded, tmp_path: Path
) -> None:
    recorded.attack(SYN_FLOOD)
    at_ns = SYN_FLOOD.started_at * 1_000_000
    recorded.packet(SYN_FLOOD.id, at_ns + 7, SYN)
    recorded.packet(
        SYN_FLOOD.id, at_ns + 8, SYN[:33], length=54, reason="rate", mode="monitor", port="inside"
    )
    recorded.packet("attack_of_somebody_else", at_ns, SYN)
    answer = api.get(f"/attacks/{SYN_FLOOD.id}/pcap")
    assert answer.status_code == 200
    assert answer.content_type == "application/x-pcapng"
    assert f'filename="{SYN_FLOOD.id}.pcapng"' in answer.headers["Content-Disposition"]
    file = tmp_path / "attack.pcapng"
    file.write_bytes(answer.data)
    fields = ("frame.comment", "frame.interface_name", "frame.len", "frame.cap_len")
    assert tshark(file, *fields, "tcp.dstport", "frame.time_epoch") == [
        ["dropped: syn_proxy", "outside", "54", "54", "80", "1764000000.000000007"],
        ["would be dropped: rate", "inside", "54", "33", "", "1764000000.000000008"],
    ]
    about = subprocess.run(["capinfos", str(file)], capture_output=True, check=True, text=True)
    assert f"{SYN_FLOOD.id}: syn_flood on 203.0.113.10, 2 packets" in about.stdout


def test_an_attack_without_packets_is_a_capture_without_packets(
    api: Api, recorded: Recorded, tmp_path: Path
) -> None:
    recorded.attack(SYN_FLOOD)
    file = tmp_path / "attack.pcapng"
    file.write_bytes(api.get(f"/attacks/{SYN_FLOOD.id}/pcap").data)
    assert tshark(file, "frame.len") == []


def test_a_capture_has_at_most_so_many_packets(api: Api, recorded: Recorded) -> None:
    recorded.attack(SYN_FLOOD)
    for number in range(CAPTURES_MAX + 1):
        recorded.packet(SYN_FLOOD.id, number, b"x" * 60)
    content = api.get(f"/attacks/{SYN_FLOOD.id}/pcap").data
    assert content.count(b"dropped: syn_proxy") == CAPTURES_MAX


def test_packets_of_an_attack_that_nobody_knows_are_404_and_without_the_agent_503(
    api: Api, recorded: Recorded
) -> None:
    path = f"/attacks/{SYN_FLOOD.id}/pcap"
    assert api.get(path).status_code == 404
    recorded.close()
    recorded.path.unlink()
    api.plane.attacks = [SYN_FLOOD]
    assert api.get(path).status_code == 503


def test_payloads_are_for_those_who_operate(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock, recorded: Recorded
) -> None:
    recorded.attack(SYN_FLOOD)
    api = Api(settings, plane, clock)
    try:
        made = api.post("/keys", {"name": "reader", "role": "read"}).json
        assert api.get(f"/attacks/{SYN_FLOOD.id}", key=made["key"]).status_code == 200
        assert api.get(f"/attacks/{SYN_FLOOD.id}/pcap", key=made["key"]).status_code == 403
    finally:
        api.close()
