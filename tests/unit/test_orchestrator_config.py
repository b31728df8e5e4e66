"""``orchestrator.toml``: its example."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from appliance.config.orchestrator import OrchestratorConfig, load_orchestrator

EXAMPLE = Path(str(files("appliance.config") / "orchestrator.example.toml"))
OPTIONAL = ("database", "socket", "provider", "url")


def test_example_is_the_defaults() -> None:
    assert load_orchestrator(EXAMPLE) == OrchestratorConfig()


def test_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    document = tomllib.loads(text)
    scaling = document.pop("scaling")
    for key in OPTIONAL:
        assert f"\n# {key} = " in text
    expected = set(OrchestratorConfig.model_fields) - {"scaling"}
    assert document.keys() == expected - {"database", "socket"}
    fields = OrchestratorConfig.model_fields["scaling"].annotation.model_fields  # type: ignore[union-attr]
    assert scaling.keys() == set(fields) - {"provider", "url"}
