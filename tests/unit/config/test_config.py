"""secbeat.toml: defaults, limits, rules between keys, and one line per mistake."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.config import load_config
from appliance.config.model import NodeConfig
from dataplane.base.errors import ConfigurationError
from tests.unit.config.documents import EXAMPLE, complaints, parsed


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
        ({"dataplan": {}}, "dataplan: is not a known key; did you mean 'dataplane'?"),
        ({"dataplane": {"lcore": 2}}, "dataplane.lcore = 2: is not a known key; did you mean"),
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


def test_a_signature_of_utf_8_is_nothing(tmp_path: Path) -> None:
    file = tmp_path / "secbeat.toml"
    file.write_text("\n".join(f"\ufeff{line}" for line in EXAMPLE.read_text().splitlines()))
    assert load_config(file) == load_config(EXAMPLE)
    file.write_text("[node]\nname = 'a' # end\ufeff[api]\n")
    with pytest.raises(ConfigurationError, match=r"U\+FEFF\) at line 2, column 17: remove it"):
        load_config(file)


def test_a_date_is_named_and_hides_no_other_mistake() -> None:
    text = "[node]\nname = 2026-12-01\n[dataplane]\nlcores = nan\n[api]\nprot = 12:00:00\n"
    assert complaints(**tomllib.loads(text)) == [
        "node.name = 2026-12-01: must be a string",
        "dataplane.lcores = nan: must be a whole number",
        "api.prot = 12:00:00: is not a known key",
    ]


def test_policy_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "secbeat.toml"
    file.write_text(EXAMPLE.read_text().replace("# file = ", "file = "))
    config = load_config(file)
    assert config.policy.file == tmp_path / "policy.toml"
