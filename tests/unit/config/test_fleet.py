"""The fleet's section of secbeat.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import agent_settings
from tests.unit.config.documents import complaints, parsed

FLEET = {"url": "https://fleet.example:3030", "token_file": "/etc/secbeat/token"}


def test_without_a_url_there_is_no_fleet() -> None:
    config = parsed(node={"name": "n"})
    assert agent_settings(config, {}).fleet is None


def test_fleet_settings(tmp_path: Path) -> None:
    uuid = "01234567-89ab-cdef-0123-456789abcdef"
    (tmp_path / "node-id").write_text(f"{uuid}\n")
    wanted = {**FLEET, "ca_file": "/etc/secbeat/ca.crt", "labels": {"site": "fra"}}
    settings = agent_settings(parsed(node={"state_dir": str(tmp_path)}, fleet=wanted), {})
    fleet = settings.fleet
    assert fleet is not None
    assert settings.node_id == "node-01234567"
    assert (fleet.url, fleet.uuid) == (FLEET["url"], uuid)
    assert (fleet.token_file, fleet.ca_file) == (
        Path(FLEET["token_file"]),
        Path("/etc/secbeat/ca.crt"),
    )
    assert fleet.labels == {"site": "fra"}
    assert fleet.directory == tmp_path / "agent"
    assert "geo_block" in fleet.rule_types


@pytest.mark.parametrize(
    ("fleet", "message"),
    [
        ({"url": "http://fleet.example"}, 'fleet.url = "http://fleet.example": must be https'),
        ({"url": "ftp://fleet.example"}, "must be https://HOST"),
        ({"url": "https://u:p@fleet.example"}, "and nothing else"),
        ({"url": "https://fleet.example:x"}, "is no URL"),
        ({"url": "https://"}, "must be https://HOST"),
        ({"url": None}, "needs fleet.url"),
        ({"labels": {"a b": "c"}}, "must be 1 to 63 of"),
        ({"url": "http://127.0.0.1:3030", "ca_file": "/ca"}, "needs an https URL"),
    ],
)
def test_what_a_fleet_section_must_be(fleet: dict[str, object], message: str) -> None:
    section = {name: each for name, each in {**FLEET, **fleet}.items() if each is not None}
    (said,) = complaints(fleet=section)
    assert message in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:3030", "http://[::1]:3030", "http://localhost"])
def test_http_only_to_this_host(url: str) -> None:
    assert parsed(fleet={**FLEET, "url": url}).fleet.url == url
