"""Where things are on an appliance, for those who must not load the configuration to know."""

from __future__ import annotations

from pathlib import Path

CONFIG_FILE = Path("/etc/secbeat/secbeat.toml")
ORCHESTRATOR_FILE = Path("/etc/secbeat/orchestrator.toml")
PROVISIONER_FILE = Path("/etc/secbeat/provisioner.toml")
