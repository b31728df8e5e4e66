"""``orchestrator.toml``: where new nodes find it, and what ``[scaling]`` may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config.orchestrator import load_orchestrator, orchestrator_settings
from dataplane.base.errors import ConfigurationError


def _written(directory: Path, text: str) -> Path:
    file = directory / "orchestrator.toml"
    file.write_text(text)
    return file


def test_an_empty_file_scales_nothing_and_listens_on_both_families(tmp_path: Path) -> None:
    settings = orchestrator_settings(load_orchestrator(_written(tmp_path, "")), {})
    assert settings.binds == ("127.0.0.1:3030", "[::1]:3030")
    assert settings.scaling.provider is None
    assert settings.scaling.url == "http://127.0.0.1:3030"


def test_new_nodes_find_the_orchestrator_where_it_listens_unless_told(tmp_path: Path) -> None:
    bind = 'bind = ["127.0.5.6:3030"]\n[scaling]\nprovider = "cloud"\n'
    scaling = orchestrator_settings(load_orchestrator(_written(tmp_path, bind)), {}).scaling
    assert (scaling.provider, scaling.url) == ("cloud", "http://127.0.5.6:3030")
    told = bind + 'url = "https://fleet.example:3030"\n'
    scaling = orchestrator_settings(load_orchestrator(_written(tmp_path, told)), {}).scaling
    assert scaling.url == "https://fleet.example:3030"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("min = 3\nmax = 2", "min = 3 is more than max = 2"),
        ('provider = "/bin/sh"', "must be 1 to 32 of a-z"),
        ('url = "ftp://fleet.example"', "must be http://HOST:PORT"),
        ('socket = "provisioner.sock"', "absolute path"),
        ("timeout_seconds = 0", "scaling.timeout_seconds"),
    ],
)
def test_what_scaling_may_not_say_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load_orchestrator(_written(tmp_path, f"[scaling]\n{line}\n"))
    assert why in str(raised.value)
