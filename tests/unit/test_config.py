"""secbeat.toml: defaults, limits, rules between keys, and one line per mistake."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from appliance.config import agent_settings, api_settings, dataplane_settings, load_config
from appliance.config.binds import Bind
from appliance.config.load import parse_config
from appliance.config.model import NodeConfig
from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import LimitCapacities
from tests.support.contract import example

EXAMPLE = Path(str(files("appliance.config") / "secbeat.example.toml"))
FILE = Path("/etc/secbeat/secbeat.toml")
LISTS = {"addresses_max": 10, "prefixes_max": 20}
PORTS = {"outside": {"device": "0000:01:00.0"}, "inside": {"device": "0000:01:00.1"}}


def parsed(**sections: Any) -> NodeConfig:
    return parse_config({"ports": PORTS, **sections}, FILE)


def complaints(**sections: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parsed(**sections)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{FILE}: ") for line in lines)
    return [line.removeprefix(f"{FILE}: ") for line in lines]


def test_example_is_the_defaults() -> None:
    assert load_config(EXAMPLE) == parsed()


def test_example_shows_every_key() -> None:
    document = tomllib.loads(EXAMPLE.read_text())
    shown = {f"{section}.{key}" for section, table in document.items() for key in table}
    shown |= {f"ports.{port}.{key}" for port, table in document["ports"].items() for key in table}
    expected = set()
    for section, field in NodeConfig.model_fields.items():
        for key, inner in field.annotation.model_fields.items():  # type: ignore[union-attr]
            expected.add(f"{section}.{key}")
            if section == "ports":
                expected |= {f"ports.{key}.{name}" for name in inner.annotation.model_fields}
    # TOML has no null: the optional keys are shown as comments.
    optional = {
        *("policy.file", "management.nic", "api.socket"),
        *("node.name", "webhooks.secret"),
        *("fleet.url", "fleet.token_file", "fleet.ca_file"),
    }
    for key in optional:
        assert f"# {key.split('.')[1]} = " in EXAMPLE.read_text()
    assert shown == expected - optional


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"node": {"mode": "fast"}}, 'node.mode = "fast": must be one of '),
        ({"node": {"state_dir": "x"}}, 'node.state_dir = "x": must be an absolute path'),
        ({"node": {"extra": 1}}, "node.extra = 1: is not a known key"),
        ({"elsewhere": {}}, "elsewhere: is not a known key"),
        ({"node": 3}, "node: must be a table"),
        ({"dataplane": {"lcores": 17}}, "dataplane.lcores = 17: must be at most 16"),
        ({"dataplane": {"lcores": 0}}, "dataplane.lcores = 0: must be at least 1"),
        ({"dataplane": {"lcores": True}}, "dataplane.lcores = true: must be a whole number"),
        ({"dataplane": {"lcores": 1.0}}, "dataplane.lcores = 1.0: must be a whole number"),
        ({"dataplane": {"worker_cpus": [1, 2]}}, "dataplane.worker_cpus = [1, 2]: must name as"),
        (
            {"dataplane": {"worker_cpus": ["1"]}},
            'dataplane.worker_cpus[0] = "1": must be a whole number',
        ),
        (
            {"dataplane": {"lcores": 2, "worker_cpus": [3, 3]}},
            "dataplane.worker_cpus = [3, 3]: must not name a CPU twice",
        ),
        ({"dataplane": {"user": "Root!"}}, 'dataplane.user = "Root!": must be a user name'),
        ({"lists": {"addresses_max": 0}}, "lists.addresses_max = 0: must be at least 1"),
        (
            {"lists": {"addresses_max": 1 << 40}},
            "lists.addresses_max = 1099511627776: must be at most 33554432",
        ),
        ({"api": {"bind": "9999"}}, 'api.bind = "9999": must be ADDRESS:PORT'),
        ({"api": {"bind": "localhost:1"}}, "api.bind = \"localhost:1\": 'localhost' is not an IP"),
        ({"api": {"bind": "127.0.0.1:0"}}, 'api.bind = "127.0.0.1:0": port must be between'),
        (
            {"api": {"bind": "0.0.0.0:9090"}},
            'metrics.public = "127.0.0.1:9090": takes the same port as api.bind (0.0.0.0:9090)',
        ),
        (
            {"node": {"run_dir": "/" + "r" * 100}},
            f'node.run_dir = "/{"r" * 78}...: makes a socket path of 118 bytes',
        ),
        ({"policy": {"file": 5}}, "policy.file = 5: must be a string"),
        ({"dataplane": {"nic_driver": "igb"}}, 'dataplane.nic_driver = "igb": must be one of '),
        ({"management": {"nic": "a/b"}}, 'management.nic = "a/b": must be a PCI address, mac:'),
        (
            {"management": {"nic": "mac:1"}},
            'management.nic = "mac:1": must be six bytes after mac:',
        ),
        ({"management": {"nic": "nic:256"}}, 'management.nic = "nic:256": must be at most nic:255'),
        (
            {"management": {"nic": "0000:01:00.1"}},
            'management.nic = "0000:01:00.1": is a data port: ports.inside.device names it too',
        ),
        ({"api": {"socket": "api.sock"}}, 'api.socket = "api.sock": must be an absolute path'),
        (
            {"api": {"socket": "/" + "s" * 107}},
            f'api.socket = "/{"s" * 78}...: must be at most 107',
        ),
        (
            {"api": {"socket": "/run/secbeat/dataplane.sock"}},
            'api.socket = "/run/secbeat/dataplane.sock": is the data plane',
        ),
    ],
)
def test_mistake_is_one_line_with_key_value_and_limit(sections: Any, line: str) -> None:
    (complaint,) = complaints(**sections)
    assert complaint.startswith(line)


@pytest.mark.parametrize("mtu", [575, 9601])
def test_mtu_has_limits(mtu: int) -> None:
    ports = {**PORTS, "outside": {"device": "net_null0", "mtu": mtu}}
    (complaint,) = complaints(ports=ports)
    assert complaint.startswith(f"ports.outside.mtu = {mtu}: must be at ")


@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        ("0000:01:00.0", "0000:01:00.0"),
        ("0000:0A:00.0", "0000:0a:00.0"),
        ("net_af_packet0,iface=a", "net_af_packet0,iface=b"),
        ("net_af_packet0,iface=a", "net_af_packet1,iface=a"),
        ("01:00.0", "0000:01:00.0"),
        ("mac:52:54:00:00:01:0a", "mac:52:54:00:00:01:0A"),
        ("nic:1", "nic:01"),
    ],
)
def test_ports_must_differ(outside: str, inside: str) -> None:
    (complaint,) = complaints(ports={"outside": {"device": outside}, "inside": {"device": inside}})
    assert complaint.startswith(f'ports.inside.device = "{inside}": must differ from')


@pytest.mark.parametrize(
    ("device", "limit"),
    [
        ("mac:52:54:00:00:01", "must be six bytes after mac:, such as mac:52:54:00:00:01:01"),
        ("mac:", "must be six bytes after mac:, such as mac:52:54:00:00:01:01"),
        ("nic:", "must be a number after nic:, at most 255"),
        ("nic:-1", "must be a number after nic:, at most 255"),
        ("nic:\u0661", "must be a PCI address, mac:ADDRESS, nic:N or a DPDK vdev"),
        ("nic:256", "must be at most nic:255"),
        ("nic:" + "9" * 200, "must be a number after nic:, at most 255"),
        ("", "must be a PCI address, mac:ADDRESS, nic:N or a DPDK vdev"),
    ],
)
def test_a_device_has_one_of_the_forms(device: str, limit: str) -> None:
    ports = {**PORTS, "outside": {"device": device}}
    (complaint,) = complaints(ports=ports)
    assert complaint.startswith("ports.outside.device = ")
    assert limit in complaint


def test_the_management_interface_is_not_below_a_data_port() -> None:
    ports = {**PORTS, "outside": {"device": "net_af_packet0,iface=eth0"}}
    (complaint,) = complaints(ports=ports, management={"nic": "eth0"})
    assert complaint.startswith('management.nic = "eth0": is a data port: ports.outside.device')


def test_ports_are_required() -> None:
    assert complaints(ports={"outside": PORTS["outside"]}) == ["ports.inside: is required"]


def test_every_mistake_is_told_at_once() -> None:
    assert len(complaints(node={"mode": 1}, api={"bind": ""}, nope=1)) == 3


def test_a_value_can_not_break_the_line() -> None:
    (complaint,) = complaints(node={"mode": "a\nb"})
    assert complaint.startswith(r'node.mode = "a\nb": ')


def test_file_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere.toml: can't be read: No such file"):
        load_config(tmp_path / "nowhere.toml")
    broken = tmp_path / "broken.toml"
    for content in (b"[node", b"\xff\xfe"):
        broken.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"broken.toml: is not TOML: "):
            load_config(broken)


def test_policy_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "secbeat.toml"
    file.write_text(EXAMPLE.read_text().replace("# file = ", "file = "))
    config = load_config(file)
    assert config.policy.file == tmp_path / "policy.toml"


@pytest.mark.parametrize(
    ("one", "other", "collide"),
    [
        ("127.0.0.1:1", "127.0.0.1:1", True),
        ("127.0.0.1:1", "127.0.0.1:2", False),
        ("127.0.0.1:1", "127.0.0.2:1", False),
        ("0.0.0.0:1", "127.0.0.1:1", True),
        ("[::]:1", "127.0.0.1:1", True),
        ("0.0.0.0:1", "[::1]:1", False),
        ("[::1]:1", "127.0.0.1:1", False),
    ],
)
def test_binds_collide_as_in_the_kernel(one: str, other: str, collide: bool) -> None:
    assert Bind.parse(one).collides(Bind.parse(other)) is collide
    assert Bind.parse(other).collides(Bind.parse(one)) is collide


@pytest.mark.parametrize("text", ["::1:9", "[127.0.0.1]:9", "[::1]", "1.2.3.4:", ":9", "[]:9"])
def test_bind_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be ADDRESS:PORT|is not an IP address"):
        Bind.parse(text)


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


def test_bind_is_one_address_or_a_list() -> None:
    assert parsed().api.bind == ("127.0.0.1:9999", "[::1]:9999")
    assert parsed(api={"bind": "192.0.2.1:9"}).api.bind == ("192.0.2.1:9",)
    both = ["192.0.2.1:9", "[2001:db8::1]:9"]
    assert parsed(api={"bind": both}).api.bind == tuple(both)


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


def test_the_id_of_a_node_is_its_name_or_the_beginning_of_its_uuid(tmp_path: Path) -> None:
    assert agent_settings(parsed(node={"name": "edge-1"}), {}).node_id == "edge-1"
    config = parsed(node={"state_dir": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="node-id: no UUID can be read"):
        agent_settings(config, {})
    (tmp_path / "node-id").write_text("5f3b12aa-0000-4000-8000-000000000000\n")
    assert agent_settings(config, {}).node_id == "node-5f3b12aa"
