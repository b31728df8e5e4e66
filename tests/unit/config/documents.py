"""Configurations as a test needs them, and what is said of one that is wrong."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from appliance.config.load import parse_config
from appliance.config.model import NodeConfig
from dataplane.base.errors import ConfigurationError

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
