"""Default paths on an appliance, for code that must not load the configuration."""

from __future__ import annotations

from pathlib import Path

CONFIG_FILE = Path("/etc/secbeat/secbeat.toml")
ORCHESTRATOR_FILE = Path("/etc/secbeat/orchestrator.toml")
PROVISIONER_FILE = Path("/etc/secbeat/provisioner.toml")
