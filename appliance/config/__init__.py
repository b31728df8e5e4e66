"""``secbeat.toml`` -> frozen, validated configuration -> the settings of each process.

Read once at start, by every process for itself; written by the operator or by Ansible. Holds
hardware, ports, binds and processes only: lists, policy and keys live behind the management API.
"""

from __future__ import annotations

from appliance.config.load import load_config
from appliance.config.model import NodeConfig
from appliance.config.settings import agent_settings, api_settings, dataplane_settings

__all__ = [
    "NodeConfig",
    "agent_settings",
    "api_settings",
    "dataplane_settings",
    "load_config",
]
