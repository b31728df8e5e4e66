"""The webhooks' section of secbeat.toml, and their secret."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.config import agent_settings
from dataplane.base.errors import ConfigurationError
from tests.support.documents.contract import example
from tests.unit.config.documents import complaints, parsed

HOOK = "https://hooks.example/secbeat"
WEBHOOKS_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"  # noqa: S105 - 24 bytes


def test_the_contracts_webhooks_load_as_they_stand() -> None:
    text = example("[webhooks]").text
    config = parsed(node={"name": "n"}, **tomllib.loads(text))
    found = agent_settings(config, {}).webhooks
    assert found.endpoints == ("https://your-app.com/webhooks/secbeat",)
    assert found.events == ("attack_detected", "node_health", "rule_triggered")
    assert found.secret is None


def test_receivers_that_are_not_enabled_get_nothing() -> None:
    config = parsed(node={"name": "n"}, webhooks={"endpoints": [HOOK]})
    assert agent_settings(config, {}).webhooks.endpoints == ()


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"endpoints": ["ftp://x"]}, 'webhooks.endpoints[0] = "ftp://x": must begin with https://'),
        (
            {"endpoints": ["http://x"]},
            'webhooks.endpoints[0] = "http://x": must be https, unless x',
        ),
        (
            {"endpoints": [HOOK, HOOK]},
            'webhooks.endpoints[1] = "https://hooks.example/...": is there twice',
        ),
        ({"endpoints": ["https://a:b@x/"]}, 'webhooks.endpoints[0] = "https://x/": must have ne'),
        ({"endpoints": [f"{HOOK}/{n}" for n in range(17)]}, "webhooks.endpoints = ["),
        ({"enabled": True}, "webhooks.endpoints = []: must name a receiver"),
        ({"enabled": 1}, "webhooks.enabled = 1: must be true or false"),
        ({"events": ["attack"]}, 'webhooks.events[0] = "attack": must be one of attack_detected, '),
        ({"secret": "whsec_AAAA"}, "webhooks.secret: must be whsec_ and then 24 to 64"),
        ({"secret": "_-" * 20}, "webhooks.secret: must be whsec_ and then 24 to"),
        ({"allow_hosts": [""]}, 'webhooks.allow_hosts[0] = "": must be a host'),
        ({"max_retries": 101}, "webhooks.max_retries = 101: must be at most 100"),
    ],
)
def test_mistakes_of_webhooks_are_said(section: Any, line: str) -> None:
    (complaint,) = complaints(webhooks=section)
    assert complaint.startswith(line)


def test_the_secret_of_webhooks_comes_from_file_variable_or_credential(tmp_path: Path) -> None:
    (tmp_path / "secbeat.webhooks-secret").write_text(f"{WEBHOOKS_SECRET}\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    config = parsed(node={"name": "n"})
    assert agent_settings(config, environment).webhooks.secret == WEBHOOKS_SECRET
    assert agent_settings(config, {"WEBHOOKS_SECRET": WEBHOOKS_SECRET}).webhooks.secret
    with pytest.raises(ConfigurationError, match="webhooks-secret: must be whsec_"):
        agent_settings(config, {"WEBHOOKS_SECRET": "short"})
