"""``orchestrator.toml``: its example."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from appliance.config.model import WebhooksSection
from appliance.config.orchestrator import (
    FleetRetentionSection,
    OrchestratorConfig,
    ScalingSection,
    load_orchestrator,
)

EXAMPLE = Path(str(files("appliance.config") / "orchestrator.example.toml"))
OPTIONAL = ("database", "provider", "url", "secret")


def test_example_is_the_defaults() -> None:
    assert load_orchestrator(EXAMPLE) == OrchestratorConfig()


def test_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    document = tomllib.loads(text)
    shown = {*document, *document["scaling"], *document["webhooks"], *document["retention"]}
    for key in OPTIONAL:
        assert f"\n# {key} = " in text
    sections = (ScalingSection, WebhooksSection, FleetRetentionSection)
    expected = {
        *OrchestratorConfig.model_fields,
        *(key for one in sections for key in one.model_fields),
    }
    assert shown == expected - set(OPTIONAL)
