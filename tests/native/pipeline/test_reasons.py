"""Names, texts and modes of reasons and stages: C, Python and the documentation say the same."""

from __future__ import annotations

import ctypes

from dataplane.native import abi
from dataplane.native.abi import Mode, Reason, Stage

MONITORED = {
    # a node that has just come does not know what there is
    *(Reason.OUT_OF_STATE, Reason.OUT_OF_WINDOW, Reason.CONNECTIONS_FULL),
    Reason.CONNECTIONS_SHARE,
    # honest clients do it
    *(Reason.HTTP_CONTENT_ENCODING, Reason.HTTP_TRAILERS, Reason.HTTP_BODY_OF_GET),
}
STRUCTURAL = {
    *(Reason.NONE, Reason.HEADER_SPLIT, Reason.HANDOVER_FULL),
    *(Reason.TX_FULL, Reason.SYN_PROXY_FULL, Reason.SYN_PROXY_NO_COOKIE, Reason.TCP_CHECKSUM),
    *(Reason.HTTP_CHECKSUM, Reason.HTTP_POOL),
}


def test_c_and_python_agree_on_names_and_texts(library: ctypes.CDLL) -> None:
    for reason in Reason:
        assert library.sb_reason_name(reason).decode() == reason.name
        assert library.sb_reason_text(reason).decode() == abi.REASON_TEXT[reason]
        assert library.sb_reason_stage(reason) == abi.REASON_STAGE[reason]
        assert library.sb_reason_modes(reason) == sum(1 << m for m in abi.REASON_MODES[reason])
        assert library.sb_reason_default_mode(reason) == abi.REASON_DEFAULT[reason]
    for stage in Stage:
        assert library.sb_stage_name(stage).decode() == stage.name


def test_there_is_room_for_reasons_to_come() -> None:
    assert len(abi.Profile().mode) == len(abi.Lcore().sample_ds) == abi.REASONS_MAX
    assert 2 * len(Reason) <= abi.REASONS_MAX


def test_a_default_is_a_mode_that_the_reason_may_have() -> None:
    assert set(abi.REASON_MODES) == set(abi.REASON_DEFAULT) == set(abi.REASON_STAGE) == set(Reason)
    assert {r for r in Reason if abi.REASON_DEFAULT[r] not in abi.REASON_MODES[r]} == set()


def test_beyond_the_end_is_nothing(library: ctypes.CDLL) -> None:
    for beyond in (abi.REASON_COUNT, 255, 2**32 - 1):
        assert library.sb_reason_name(beyond) is None
        assert library.sb_reason_text(beyond) is None
        assert library.sb_stage_name(beyond) is None
        assert library.sb_reason_modes(beyond) == 0
        assert library.sb_reason_stage(beyond) == abi.STAGE_COUNT


def test_what_the_node_cannot_choose_is_not_selectable(library: ctypes.CDLL) -> None:
    fixed = {r for r in Reason if library.sb_reason_modes(r) == 1 << Mode.ENFORCE}
    assert fixed == STRUCTURAL


def test_a_new_profile_enforces_every_reason_but_what_honest_clients_meet(
    library: ctypes.CDLL,
) -> None:
    profile = abi.Profile()
    library.sb_profile_init(ctypes.addressof(profile))
    modes = list(profile.mode)
    monitored = {reason for reason in Reason if modes[reason] != Mode.ENFORCE}
    assert monitored == MONITORED
    assert {modes[reason] for reason in monitored} == {Mode.MONITOR}
    assert set(modes[abi.REASON_COUNT :]) == {Mode.OFF}
