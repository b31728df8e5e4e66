"""What data plane, API and agent are told of secbeat.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config import agent_settings, api_settings, dataplane_settings
from appliance.config.model import NodeConfig
from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import LimitCapacities
from tests.unit.config.documents import LISTS, PORTS, parsed


def test_dataplane_settings() -> None:
    config = parsed(
        node={"state_dir": "/s", "run_dir": "/r"},
        dataplane={"lcores": 2, "worker_cpus": [4, 5], "hugepages": "off", "mbufs": 8192},
        lists=LISTS,
        limits={"sources_max": 7, "prefixes_max": 8},
        api={"user": "web"},
    )
    settings = dataplane_settings(config)
    assert settings.outside.device == "0000:01:00.0"
    assert settings.state_log == Path("/s/state")
    assert settings.socket == Path("/r/dataplane.sock")
    assert settings.client_users == ("web",)
    assert (settings.lcores, settings.worker_cpus) == (2, (4, 5))
    assert (settings.hugepages, settings.mbufs) == ("off", 8192)
    assert (settings.addresses_max, settings.prefixes_max) == (10, 20)
    assert settings.limits == LimitCapacities(7, 8, 25_000)
    assert settings.has_syn_proxy
    assert settings.syn_cookie_secret == b""


def test_a_node_in_mode_tcp_has_no_syn_proxy() -> None:
    config = NodeConfig.model_validate({"ports": PORTS, "node": {"mode": "tcp"}})
    assert not dataplane_settings(config).has_syn_proxy


def test_the_secret_of_syn_cookies_comes_from_the_environment_or_a_credential(
    tmp_path: Path,
) -> None:
    config = NodeConfig.model_validate({"ports": PORTS})
    given = {"SYN_COOKIE_SECRET": "sixteen bytes or more"}
    assert dataplane_settings(config, given).syn_cookie_secret == b"sixteen bytes or more"
    (tmp_path / "secbeat.syn-cookie-secret").write_text("another of the same length\n")
    kept = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert dataplane_settings(config, kept).syn_cookie_secret == b"another of the same length"
    with pytest.raises(ConfigurationError, match="SYN_COOKIE_SECRET: 5 bytes, must be at least 16"):
        dataplane_settings(config, {"SYN_COOKIE_SECRET": "short"})


def test_api_settings_take_the_key_from_the_environment() -> None:
    config = parsed(node={"state_dir": "/s", "mode": "tcp"}, api={"bind": "[::1]:9"}, lists=LISTS)
    settings = api_settings(config, {"MANAGEMENT_API_KEY": "k"})
    assert settings.database == Path("/s/api/node.db")
    assert settings.keys == Path("/s/keys")
    assert (settings.addresses_max, settings.prefixes_max) == (10, 20)
    assert (settings.binds, settings.mode) == (("[::1]:9",), "tcp")
    assert settings.management_api_key == "k"
    assert api_settings(config, {"MANAGEMENT_API_KEY": ""}).management_api_key is None


def test_without_a_key_in_the_environment_systemds_credential_is_read(tmp_path: Path) -> None:
    credential = tmp_path / "secbeat.management-api-key"
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert api_settings(parsed(), environment).management_api_key is None
    credential.write_text("from-systemd\n")
    assert api_settings(parsed(), environment).management_api_key == "from-systemd"
    both = {**environment, "MANAGEMENT_API_KEY": "k"}
    assert api_settings(parsed(), both).management_api_key == "k"
    credential.write_text("\n")
    assert api_settings(parsed(), environment).management_api_key is None
    credential.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match=r"management-api-key: can't be read"):
        api_settings(parsed(), environment)


def test_the_api_listens_on_a_socket_that_is_configured() -> None:
    assert api_settings(parsed(), {}).unix_socket is None
    config = parsed(api={"socket": "/run/secbeat-api/api.sock"})
    assert api_settings(config, {}).unix_socket == Path("/run/secbeat-api/api.sock")


def test_agent_settings() -> None:
    settings = agent_settings(parsed(node={"run_dir": "/r", "state_dir": "/s", "name": "n"}), {})
    assert settings.events == Path("/s/agent/events.db")
    assert settings.control == Path("/r-agent/agent.sock")
    assert settings.webhooks.endpoints == ()
    assert settings.socket == Path("/r/dataplane.sock")
    assert settings.public == ("127.0.0.1:9090", "[::1]:9090")
    assert settings.internal == ("127.0.0.1:9191", "[::1]:9191")
    assert settings.api == "127.0.0.1:9999"


def test_the_id_of_a_node_is_its_name_or_the_beginning_of_its_uuid(tmp_path: Path) -> None:
    assert agent_settings(parsed(node={"name": "edge-1"}), {}).node_id == "edge-1"
    config = parsed(node={"state_dir": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="node-id: no UUID can be read"):
        agent_settings(config, {})
    (tmp_path / "node-id").write_text("5f3b12aa-0000-4000-8000-000000000000\n")
    assert agent_settings(config, {}).node_id == "node-5f3b12aa"
