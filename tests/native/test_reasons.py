"""Names, texts and modes of reasons and stages: C, Python and the documentation say the same."""

from __future__ import annotations

import ctypes
from pathlib import Path

from dataplane import abi
from dataplane.abi import Mode, Reason, Stage

README = Path(__file__).resolve().parents[2] / "dataplane" / "fastpath" / "README.md"
MONITORED = {Reason.OUT_OF_STATE, Reason.OUT_OF_WINDOW, Reason.CONNECTIONS_FULL}
"""A node that has just come does not know what there is."""
STRUCTURAL = {
    *(Reason.NONE, Reason.HEADER_SPLIT, Reason.HANDOVER_FULL),
    *(Reason.TX_FULL, Reason.SYN_PROXY_FULL),
}


def test_c_and_python_agree_on_names_and_texts(library: ctypes.CDLL) -> None:
    for reason in Reason:
        assert library.sb_reason_name(reason).decode() == reason.name
        assert library.sb_reason_text(reason).decode() == abi.REASON_TEXT[reason]
    for stage in Stage:
        assert library.sb_stage_name(stage).decode() == stage.name


def test_beyond_the_end_is_nothing(library: ctypes.CDLL) -> None:
    for beyond in (abi.REASON_COUNT, 255, 2**32 - 1):
        assert library.sb_reason_name(beyond) is None
        assert library.sb_reason_text(beyond) is None
        assert library.sb_stage_name(beyond) is None
        assert library.sb_reason_selectable(beyond) == 0
        assert library.sb_reason_stage(beyond) == abi.STAGE_COUNT


def test_what_the_node_cannot_choose_is_not_selectable(library: ctypes.CDLL) -> None:
    fixed = {reason for reason in Reason if not library.sb_reason_selectable(reason)}
    assert fixed == STRUCTURAL


def test_a_new_profile_enforces_every_reason_but_those_about_state(library: ctypes.CDLL) -> None:
    profile = abi.Profile()
    library.sb_profile_init(ctypes.addressof(profile))
    modes = list(profile.mode)
    monitored = {reason for reason in Reason if modes[reason] != Mode.ENFORCE}
    assert monitored == MONITORED
    assert {modes[reason] for reason in monitored} == {Mode.MONITOR}
    assert set(modes[abi.REASON_COUNT :]) == {Mode.OFF}


def test_the_readme_lists_every_reason_with_its_stage_and_text(library: ctypes.CDLL) -> None:
    table = README.read_text()
    for reason in Reason:
        if reason is Reason.NONE:
            continue
        stage = Stage(library.sb_reason_stage(reason)).name.lower()
        selectable = "yes" if library.sb_reason_selectable(reason) else "no"
        row = f"| `{reason.name.lower()}` | {stage} | {selectable} | {abi.REASON_TEXT[reason]} |"
        assert row in table, row
