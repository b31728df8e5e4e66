"""Secrets come as credentials, and are in no message, representation or child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api.agent.fleet.orchestrator.key import NodeKey
from api.agent.fleet.orchestrator.membership import Membership
from api.agent.fleet.settings import FleetSettings
from api.agent.node_api import RequestError
from api.common.children import child_environment
from appliance.config import NodeConfig
from appliance.config.load import parse_config
from appliance.config.orchestrator import load_orchestrator, orchestrator_settings
from appliance.config.settings import agent_settings, api_settings
from dataplane.base.errors import ConfigurationError

PORTS = {"outside": {"device": "net_null0"}, "inside": {"device": "net_null1"}}
URL = "https://fleet.example:3030"
HIDDEN = "hunter2-hunter2-hunter2"
DATABASE = f"postgresql://secbeat:{HIDDEN}@db.example/fleet"
WEBHOOKS = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
ENVIRONMENT = {
    "MANAGEMENT_API_KEY": HIDDEN,
    "ORCHESTRATOR_API_KEY": HIDDEN,
    "ORCHESTRATOR_DATABASE_URL": DATABASE,
    "WEBHOOKS_SECRET": WEBHOOKS,
    "FLEET_TOKEN": HIDDEN,
    "SYN_COOKIE_SECRET": HIDDEN,
}


def node(tmp_path: Path, **sections: Any) -> NodeConfig:
    (tmp_path / "node-id").write_text("01234567-89ab-cdef-0123-456789abcdef\n")
    document = {"ports": PORTS, "node": {"state_dir": str(tmp_path)}, **sections}
    return parse_config(document, Path("secbeat.toml"))


def test_the_enrolment_token_may_be_a_credential(tmp_path: Path) -> None:
    config = node(tmp_path, fleet={"url": URL})
    (tmp_path / "secbeat.fleet-token").write_text(f"{HIDDEN}\n")
    fleet = agent_settings(config, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).fleet
    assert fleet is not None
    assert (fleet.token_file, fleet.token) == (None, HIDDEN)
    named = node(tmp_path, fleet={"url": URL, "token_file": "/etc/secbeat/token"})
    found = agent_settings(named, {}).fleet
    assert found is not None
    assert (found.token_file, found.token) == (Path("/etc/secbeat/token"), None)


class Enrolled:
    """Notes with which key it was asked."""

    def __init__(self) -> None:
        self.keys: list[str | None] = []

    def post(self, _path: str, _document: object, key: str | None) -> dict[str, Any]:
        self.keys.append(key)
        return {}


@pytest.mark.parametrize("token", [HIDDEN, None])
def test_a_node_enrols_with_the_credential_or_says_what_is_missing(
    tmp_path: Path, token: str | None
) -> None:
    settings, session = FleetSettings(URL, None, tmp_path, "u", token=token), Enrolled()
    key = NodeKey(tmp_path / "fleet.key")
    member = Membership(settings, "n", session, key, dict)  # type: ignore[arg-type]
    if token is None:
        with pytest.raises(RequestError, match=r"neither fleet\.token_file nor"):
            member.join()
    else:
        member.join()
    assert session.keys == ([token] if token else [])


def test_no_representation_of_settings_or_configuration_has_a_secret(tmp_path: Path) -> None:
    config = node(tmp_path, fleet={"url": URL}, webhooks={"secret": WEBHOOKS})
    file = tmp_path / "orchestrator.toml"
    file.write_text(f'database = "{DATABASE}"\n[webhooks]\nsecret = "{WEBHOOKS}"\n')
    orchestrator = load_orchestrator(file)
    everything = (
        *(config, orchestrator, agent_settings(config, ENVIRONMENT)),
        *(api_settings(config, ENVIRONMENT), orchestrator_settings(orchestrator, ENVIRONMENT)),
    )
    for each in everything:
        assert HIDDEN not in repr(each)
        assert WEBHOOKS not in repr(each)


@pytest.mark.parametrize(
    "text",
    [
        f'database = "mysql://u:{HIDDEN}@db/x"\n',
        f'database = "{DATABASE}"\n[webhooks]\nenabled = true\n',
        f'database = "{DATABASE}"\n[webhooks]\nendpoints = ["https://u:{HIDDEN}@x/"]\n',
        f'[webhooks]\nendpoints = ["ftp://x.example/services/{HIDDEN}"]\n',
        f'[webhooks]\nsecret = "whsec_{HIDDEN}"\n',
        f'database = "{DATABASE}"\nbind = []\nworkers = 0\n',
        f'[database]\nurl = "{DATABASE}"\n',
    ],
)
def test_a_mistake_in_the_orchestrators_file_is_told_without_a_secret(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_orchestrator(file)
    assert HIDDEN not in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "sections",
    [
        {"webhooks": {"secret": f"whsec_{HIDDEN}"}},
        {"webhooks": {"endpoints": [f"ftp://x.example/services/{HIDDEN}"]}},
        {"webhooks": {"endpoints": [f"https://x.example/{HIDDEN}/{n}" for n in range(17)]}},
        {"fleet": {"url": f"https://u:{HIDDEN}@fleet.example"}},
    ],
)
def test_a_mistake_in_the_nodes_file_is_told_without_a_secret(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        node(tmp_path, **sections)
    assert HIDDEN not in str(caught.value)
    assert "secbeat.toml: " in str(caught.value)


def test_a_child_gets_no_secret_but_those_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    assert not {*ENVIRONMENT, "CREDENTIALS_DIRECTORY"} & child_environment().keys()
    kept = child_environment(keep=("SYN_COOKIE_SECRET",))
    assert kept["SYN_COOKIE_SECRET"] == HIDDEN
    assert "WEBHOOKS_SECRET" not in kept
