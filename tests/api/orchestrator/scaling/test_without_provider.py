"""An orchestrator that knows no provider says which key is to be set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.settings import OrchestratorSettings
from tests.api.orchestrator.scaling.conftest import scale


@pytest.fixture
def fleet_settings(fleet_settings: OrchestratorSettings) -> OrchestratorSettings:
    return replace(fleet_settings, scaling=ScalingSettings())


def test_without_a_provider_the_key_to_set_is_named(admin: FlaskClient) -> None:
    answer = scale(admin, "scale_up", 2)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["field"] == "[scaling] provider"
    assert admin.get("/api/v1/scale").json["provider"] is None
