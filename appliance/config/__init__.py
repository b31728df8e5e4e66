"""``secbeat.toml`` -> frozen, validated configuration -> the settings of each process.

Every process reads it once at its start; the operator or Ansible writes it. It contains only
hardware, ports, binds and processes: lists, policy and keys are managed through the management API.
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
