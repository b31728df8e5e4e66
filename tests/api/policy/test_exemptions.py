"""A policy that would cut off who is on the allowlist: refused, unless that is meant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api.management.settings import ApiSettings
from dataplane.countries import database
from dataplane.countries.codes import index_of
from dataplane.countries.ranges import pack_ranges
from dataplane.countries.sources import Source

from ..conftest import Api

FIRST = 0xC0000200
"""192.0.2.0: its first half is in Germany, its second in France, nothing else is anywhere."""


@pytest.fixture(autouse=True)
def countries(settings: ApiSettings) -> Path:
    ranges = [
        (FIRST, FIRST + 127, index_of("DE")),
        (FIRST + 128, FIRST + 255, index_of("FR")),
    ]
    packed = pack_ranges(ranges, 32, Path("test"))
    source = Source("test", datetime(2026, 1, 1, tzinfo=UTC), packed, bytes(24))
    database.write(settings.countries[0], source, 0)
    return settings.countries[0]


def geo(kind: str, *codes: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "countries": list(codes), **fields}


def policy(*rules: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"name": "here", "rules": list(rules), **fields}


def allow(api: Api, network: str) -> None:
    assert api.call("POST", "/allowlist", json={"ip": network}).status_code in {201, 202}


@pytest.mark.parametrize(
    ("rule", "network", "codes"),
    [
        (geo("geo_block", "DE"), "192.0.2.7", "DE"),
        (geo("geo_block", "DE", "FR"), "192.0.2.0/24", "DE, FR"),
        (geo("geo_block", "ZZ"), "192.0.2.0/23", "ZZ"),
        (geo("geo_allow", "DE"), "192.0.2.200", "FR"),
        (geo("geo_allow", "DE", "FR"), "2001:db8::/32", "ZZ"),
    ],
)
def test_a_rule_that_would_cut_off_the_allowlist_is_refused(
    api: Api, rule: dict[str, Any], network: str, codes: str
) -> None:
    allow(api, network)
    for query in ("", "?dry_run=true"):
        answer = api.call("PUT", f"/policy{query}", json=policy(rule))
        assert answer.status_code == 409
        body = answer.json
        expected = f"rules[0] ({rule['type']}) would cut off {network}, which is in {codes}"
        assert body["detail"].startswith(expected)
        assert [(one["field"], one["value"]) for one in body["errors"]] == [("rules[0]", network)]
    assert api.get("/policy").json["policy"]["name"] == "default"


@pytest.mark.parametrize(
    "document",
    [
        policy(geo("geo_block", "FR")),
        policy(geo("geo_allow", "DE")),
        policy(geo("geo_block", "DE", action="monitor")),
        policy(geo("geo_block", "DE"), mode="monitor"),
        policy(geo("geo_block", "DE", action="off")),
    ],
)
def test_a_rule_that_spares_them_or_drops_nobody_is_taken(
    api: Api, document: dict[str, Any]
) -> None:
    allow(api, "192.0.2.7")
    answer = api.call("PUT", "/policy", json=document)
    assert answer.status_code in {200, 202}
    assert answer.json["warnings"] == []


def test_a_profile_that_would_is_named(api: Api) -> None:
    allow(api, "192.0.2.7")
    profile = {"name": "web", "targets": ["198.51.100.0/24"], "rules": [geo("geo_block", "DE")]}
    answer = api.call("PUT", "/policy", json=policy(profiles=[profile]))
    assert answer.json["errors"][0]["field"] == "profiles[0].rules[0]"


def test_it_is_taken_with_a_warning_by_who_means_it(api: Api) -> None:
    allow(api, "192.0.2.7")
    answer = api.call("PUT", "/policy?accept_exempt=true", json=policy(geo("geo_block", "DE")))
    assert answer.status_code in {200, 202}
    (warning,) = answer.json["warnings"]
    assert "192.0.2.7" in warning
    assert "stays open" in warning


def test_a_rollback_is_asked_the_same(api: Api) -> None:
    api.call("PUT", "/policy", json=policy(geo("geo_block", "DE")))
    api.call("PUT", "/policy", json=policy())
    allow(api, "192.0.2.7")
    assert api.call("POST", "/policy/rollback", json={}).status_code == 409
    answer = api.call("POST", "/policy/rollback", json={"accept_exempt": True})
    assert answer.status_code in {200, 202}
    assert len(answer.json["warnings"]) == 1


def test_many_are_not_all_named(api: Api) -> None:
    for last in range(12):
        allow(api, f"192.0.2.{last}")
    answer = api.call("PUT", "/policy", json=policy(geo("geo_block", "DE")))
    assert "more than" in answer.json["detail"]
    taken = api.call("PUT", "/policy?accept_exempt=true", json=policy(geo("geo_block", "DE")))
    assert len(taken.json["warnings"]) == 11


def test_without_a_database_a_policy_is_taken_with_a_warning(api: Api, countries: Path) -> None:
    allow(api, "192.0.2.7")
    countries.unlink()
    answer = api.call("PUT", "/policy", json=policy(geo("geo_block", "DE")))
    assert answer.status_code in {200, 202}
    assert "country rules drop no packet until there is a database" in answer.json["warnings"][0]
