"""``orchestrator.toml``: receivers of webhooks are written as a node's are; what is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.orchestrator import load_orchestrator, orchestrator_settings
from dataplane.base.errors import ConfigurationError


def _file(directory: Path, text: str) -> Path:
    file = directory / "orchestrator.toml"
    file.write_text(text)
    return file


def test_without_a_word_nobody_is_told(tmp_path: Path) -> None:
    settings = orchestrator_settings(load_orchestrator(_file(tmp_path, "")), {})
    assert settings.webhooks.endpoints == ()


def test_receivers_and_where_the_secret_lies(tmp_path: Path) -> None:
    text = """
    state_dir = "/srv/orchestrator"
    [webhooks]
    enabled = true
    endpoints = ["https://your-app.com/webhooks/secbeat"]
    events = ["attack_detected", "node_health", "rule_triggered"]
    """
    found = orchestrator_settings(load_orchestrator(_file(tmp_path, text)), {}).webhooks
    assert found.endpoints == ("https://your-app.com/webhooks/secbeat",)
    assert "node_health" in found.events
    assert found.secret_file == Path("/srv/orchestrator/webhooks.secret")


def test_a_receiver_without_tls_is_refused(tmp_path: Path) -> None:
    text = '[webhooks]\nenabled = true\nendpoints = ["http://your-app.com/"]'
    with pytest.raises(ConfigurationError, match="must be https"):
        load_orchestrator(_file(tmp_path, text))


RECEIVER = """
database = "postgresql://secbeat@db.example.net/fleet"
[webhooks]
enabled = true
endpoints = ["https://your-app.com/"]
"""
SECRET = "whsec_" + 16 * "AAAA"


def test_orchestrators_that_share_a_database_make_no_secret_of_their_own(tmp_path: Path) -> None:
    config = load_orchestrator(_file(tmp_path, RECEIVER))
    with pytest.raises(ConfigurationError, match=r"webhooks\.secret is missing"):
        orchestrator_settings(config, {})
    url = {"ORCHESTRATOR_DATABASE_URL": "sqlite:////srv/fleet.db"}
    assert orchestrator_settings(config, url).webhooks.secret is None
    assert orchestrator_settings(config, {"WEBHOOKS_SECRET": SECRET}).webhooks.secret == SECRET
    told = load_orchestrator(_file(tmp_path, f'{RECEIVER}secret = "{SECRET}"'))
    assert orchestrator_settings(told, {}).webhooks.secret == SECRET


def test_how_long_attacks_are_kept(tmp_path: Path) -> None:
    text = "[retention]\nincident_days = 30\nincidents_max = 5000\n"
    found = orchestrator_settings(load_orchestrator(_file(tmp_path, text)), {}).retention
    assert (found.days_max, found.rows_max) == (30, 5000)
