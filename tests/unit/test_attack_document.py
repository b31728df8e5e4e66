"""An attack as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

from api.common.attacks import attack_data, attack_document
from tests.support.documents.contract import example, unlike
from tests.support.values.incidents import SYN_FLOOD, ended

NAMED = replace(SYN_FLOOD, sources=replace(SYN_FLOOD.sources, is_spoofed=False))


def test_an_active_attack_has_the_fields_that_are_documented() -> None:
    document = attack_document(SYN_FLOOD)
    assert json.loads(json.dumps(document)) == document
    assert document["id"] == SYN_FLOOD.id
    assert document["started_at"] == "2025-11-24T16:00:00.000Z"
    assert document["ended_at"] is document["ended_by"] is None
    assert document["trigger"] == {"metric": "syns_per_second", "threshold": 1000, "value": 5400}
    assert document["totals"]["passed"] == 10_000
    assert document["sources"]["top"][0]["address"] == "192.0.2.100"
    assert document["packet_sizes"] == [
        {"up_to": 64, "share": 0.95},
        {"up_to": None, "share": 0.05},
    ]
    wanted = {"kind": "none", "mode": "enforce", "state": "none", "until": None, "entries": 0}
    assert document["response"] == wanted


def test_a_source_whose_count_is_mostly_error_is_not_told() -> None:
    """A sketch of forged sources is full of addresses that have sent one packet each."""
    one = SYN_FLOOD.sources.top[0]
    top = (one, replace(one, packets=400, error=200), replace(one, packets=400, error=201))
    document = attack_document(replace(SYN_FLOOD, sources=replace(SYN_FLOOD.sources, top=top)))
    assert [each["error"] for each in document["sources"]["top"]] == [7, 200]


def test_what_was_carried_out_stands_beside_what_was_wanted() -> None:
    done = {"state": "active", "until": "2025-11-24T16:10:00.000Z", "entries": 3}
    assert attack_document(SYN_FLOOD, done)["response"] == {
        "kind": "none",
        "mode": "enforce",
        **done,
    }


def test_an_ended_attack_says_when_and_by_what() -> None:
    document = attack_document(ended())
    assert (document["ended_at"], document["ended_by"]) == ("2025-11-24T16:00:05.000Z", "quiet")


def test_data_of_an_event_names_no_source_of_a_spoofed_flood() -> None:
    data = attack_data(attack_document(SYN_FLOOD))
    assert (data["source_ip"], data["spoofed"]) == (None, True)
    assert (data["attack_type"], data["action"]) == ("syn_flood", "challenged")
    assert data["packets_per_second"] == 100_000


def test_data_of_an_event_names_the_top_source_of_another() -> None:
    data = attack_data(attack_document(NAMED))
    assert (data["source_ip"], data["spoofed"]) == ("192.0.2.100", False)


def test_data_of_an_event_is_as_the_contract_shows_it() -> None:
    payload = example("[webhooks]").answer
    assert payload["event"] == "attack_detected"
    assert unlike(attack_data(attack_document(NAMED)), payload["data"]) == []


def test_data_of_an_ended_attack_has_the_highest_rates() -> None:
    assert attack_data(attack_document(ended(NAMED)))["packets_per_second"] == 120_000
