"""The guide to drop reasons covers reasons.def exactly, and the page is what it writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.app import COMMANDS
from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import Reason
from dataplane.reasons import guide, page

TREE = Path(__file__).parents[4]
DEFINITIONS = (TREE / "dataplane/fastpath/include/defs/reasons.def").read_text()
LABELS = [name.lower() for name in re.findall(r"^SB_REASON\((\w+),", DEFINITIONS, re.MULTILINE)]
DOCUMENT = re.compile(r"(RFC [1-9][0-9]{1,4}|IEEE 802[.0-9A-Z]+|CERT CA-[0-9-]+)(, [0-9A-Z.]+)?")


def test_every_reason_has_an_entry_and_no_entry_is_of_another() -> None:
    assert ["none", *guide.guide()] == LABELS
    assert guide._read().keys() == guide.guide().keys()


@pytest.mark.parametrize("label", guide.guide())
def test_an_entry_says_whom_it_hits_and_what_to_do(label: str) -> None:
    written = guide.find(label).written
    for text in (written.mistaken, written.advice):
        assert re.fullmatch(r"[A-Z][^\n]{5,300}\.|secbeat[^\n]{5,300}\.|[a-z][^\n]+\.", text), text
    for document in written.rfc:
        assert DOCUMENT.fullmatch(document), document


@pytest.mark.parametrize("label", guide.guide())
def test_a_reason_with_a_choice_names_the_rule_that_has_it(label: str) -> None:
    found = guide.find(label)
    assert bool(found.rules) is found.has_choice


def test_the_page_is_what_the_guide_writes() -> None:
    assert (TREE / "docs/reasons.md").read_text() == page.page(), "run make reasons"


def test_the_page_has_a_section_for_each_reason_with_its_text() -> None:
    found = re.findall(r"^### (\w+)\n\n(.+)\.$", page.page(), re.MULTILINE)
    assert sorted(name for name, _ in found) == sorted(LABELS[1:])
    assert dict(found)["land"] == "Source and destination address are the same (land)"


def test_commands_that_an_entry_names_exist() -> None:

    written = [found.written for found in guide.guide().values()]
    text = " ".join(f"{one.mistaken} {one.advice}" for one in written)
    assert set(re.findall(r"\bsecbeat ([a-z]+)", text)) <= COMMANDS.keys()


def test_an_unknown_reason_is_refused_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError, match=r"'geo_alow' is no drop reason; did you mean geo_"):
        guide.find("geo_alow")
    with pytest.raises(InvalidInputError, match="secbeat reasons lists all"):
        guide.find("zzzzzzzzz")
    assert guide.find("LAND").reason is Reason.LAND


def test_the_command_lists_all_and_explains_one(secbeat: Any) -> None:
    done = secbeat("reasons")
    assert [line.split("\t")[0] for line in done.out.splitlines()[1:]] == LABELS[1:]
    assert [one["reason"] for one in secbeat("reasons", "--json").json["reasons"]] == LABELS[1:]
    one = secbeat("reasons", "tx_full", "--json").json
    assert (one["is_structural"], one["rules"], one["stage"]) == (True, [], "forward")
    shown = secbeat("reasons", "out_of_state").out
    assert "action\tmonitor by default; rule connection_state\n" in shown
    assert "hit by mistake\t" in shown
    wrong = secbeat("reasons", "blaklist")
    assert (wrong.code, "did you mean blacklist" in wrong.err) == (65, True)
