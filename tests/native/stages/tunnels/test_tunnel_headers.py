"""Headers, fragments and cut packets of VXLAN and GRE."""

from __future__ import annotations

import struct

import pytest
from scapy.layers.inet6 import IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.packet import Raw

from dataplane.native.abi import (
    Encapsulation,
    Mode,
    PacketFlag,
    Port,
    Reason,
    Stage,
    Verdict,
)
from dataplane.tables.lists import Lists
from tests.native import frames
from tests.native.encapsulated import (
    gre,
    split,
    tunnelled,
    vxlan,
)
from tests.native.harness import Frame, Harness
from tests.native.stages.tunnels.tunnels_support import (
    ENDPOINT,
    WRAPS,
    assert_outer,
    reason_of,
)

# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("flags", [0, 0x8000, 0x2000, 0x1000, 0xB000])
def test_the_optional_fields_of_gre_are_skipped(
    judging: Harness, banned: Lists, flags: int, version: int
) -> None:
    _, ethertype, packet = split(frames.good("ipv4-tcp"))
    data = tunnelled(gre(packet, ethertype, flags=flags), 47, version=version)
    assert reason_of(judging, data) is Reason.BLACKLIST


@pytest.mark.parametrize("flags", [0x4000, 0x0800, 0x0400, 1, 4])
def test_gre_that_receivers_discard_is_malformed(judging: Harness, flags: int) -> None:
    """RFC 2784, sections 2.3 and 2.3.1."""
    _, ethertype, packet = split(frames.good("ipv4-tcp"))
    data = tunnelled(gre(packet, ethertype, flags=flags), 47)
    assert reason_of(judging, data) is Reason.INNER_MALFORMED
    judging.set_mode(Reason.INNER_MALFORMED, Mode.OFF, ENDPOINT)
    assert_outer(judging, data, Encapsulation.GRE)


@pytest.mark.parametrize("redirect", [b"", bytes(4)])
def test_ipv4_redirected_by_wccp_is_judged(
    judging: Harness, banned: Lists, redirect: bytes
) -> None:
    _, _, packet = split(frames.good("ipv4-tcp"))
    data = tunnelled(gre(redirect + packet, 0x883E), 47)
    assert reason_of(judging, data) is Reason.BLACKLIST


def test_vxlan_without_an_identifier_is_malformed(judging: Harness) -> None:
    """RFC 7348, section 5: the flag I is 1."""
    frame = frames.good("ipv4-tcp")
    assert reason_of(judging, tunnelled(vxlan(frame, flags=0xF7), 17)) is Reason.INNER_MALFORMED
    assert reason_of(judging, tunnelled(vxlan(frame, flags=0xFF), 17)) is Reason.NONE


def test_the_packet_inside_ends_with_its_datagram(judging: Harness) -> None:
    """Bytes behind it do not make up for an IP length that goes beyond."""
    whole = vxlan(frames.good("ipv4-tcp"))
    short = whole[:4] + struct.pack("!H", len(whole) - 1) + whole[6:]
    assert reason_of(judging, tunnelled(short, 17)) is Reason.IP_LENGTH


def test_gre_behind_extension_headers_is_judged(judging: Harness, banned: Lists) -> None:
    _, ethertype, packet = split(frames.good("ipv6-tcp"))
    inside = IPv6ExtHdrDestOpt(nh=47) / Raw(gre(packet, ethertype))
    assert reason_of(judging, tunnelled(bytes(inside), 60, version=6)) is Reason.BLACKLIST


# --- fragments, cut -------------------------------------------------------------------------------


@pytest.mark.parametrize("frag", [0, 100])
def test_a_fragment_of_gre_can_not_be_judged(judging: Harness, frag: int) -> None:
    _, ethertype, packet = split(frames.good("ipv4-tcp"))
    payload = gre(packet, ethertype) + bytes(-len(packet) % 8 + 4)
    data = tunnelled(payload, 47, flags="MF", frag=frag)
    assert reason_of(judging, data) is Reason.INNER_REFUSED
    assert judging.stats.stage[Stage.PARSE].dropped == 1
    back = tunnelled(payload, 47, side=Port.INSIDE, flags="MF", frag=frag)
    assert_outer(judging, Frame(back, Port.INSIDE), Encapsulation.GRE)
    inside = IPv6ExtHdrFragment(nh=47, offset=frag, m=1) / Raw(payload)
    assert reason_of(judging, tunnelled(bytes(inside), 44, version=6)) is Reason.INNER_REFUSED


def test_a_first_fragment_of_vxlan_can_not_be_judged(judging: Harness) -> None:
    """Without it the endpoint can't use the others."""
    payload = vxlan(frames.good("ipv4-tcp") + bytes(16), surplus=800)[:64]
    assert reason_of(judging, tunnelled(payload, 17, flags="MF")) is Reason.INNER_REFUSED
    assert reason_of(judging, tunnelled(payload, 17, flags="MF", frag=8)) is Reason.NONE


@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-extensions"])
def test_a_frame_that_ends_at_any_byte_is_dropped(
    judging: Harness, banned: Lists, name: str, wrap: str
) -> None:
    whole = WRAPS[wrap](frames.good(name))
    for size in range(len(whole)):
        assert judging.run_one(whole[:size]).verdict == Verdict.DROP, size


@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("name", ["ipv4-tcp-options", "ipv6-extensions"])
def test_headers_beyond_the_first_segment_are_dropped(
    judging: Harness, banned: Lists, name: str, wrap: str
) -> None:
    whole = WRAPS[wrap](frames.good(name))
    for size in range(34, len(whole)):
        packet = judging.run_one(Frame(whole[:size], length=len(whole)))
        assert packet.verdict == Verdict.DROP, size


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_what_a_capture_has_cut_is_not_called_malformed(judging: Harness, wrap: str) -> None:
    whole = WRAPS[wrap](frames.good("ipv4-tcp-options"))
    for size in range(14, len(whole)):
        judging.run_one(Frame(whole[:size], flags=PacketFlag.CUT, length=len(whole)))
        assert judging.burst.packets[0].verdict == Verdict.PASS, size
