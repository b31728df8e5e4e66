"""The orchestrator of a lab: beside the node, which enrols with the token made at first start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.config import NodeConfig
from appliance.lab.fleet import scaled
from appliance.lab.instance import Instance

PORT, METRICS_PORT = 3030, 9091


def url(instance: Instance) -> str:
    """The URL for the node."""
    return f"http://{instance.address}:{PORT}"


def is_own(instance: Instance, config: NodeConfig) -> bool:
    """Whether the node follows the lab's own orchestrator."""
    return config.fleet.url == url(instance)


def directory(instance: Instance) -> Path:
    """The directory with the orchestrator's state."""
    return instance.directory / "orchestrator"


def config_file(instance: Instance) -> Path:
    """The ``orchestrator.toml`` that it is started with."""
    return instance.directory / "orchestrator.toml"


def admin_key(instance: Instance) -> Path:
    """The orchestrator's admin key, made at first start."""
    return directory(instance) / "keys" / "admin.key"


def enrolment_token(instance: Instance) -> Path:
    """The orchestrator's first enrolment token, made at first start."""
    return directory(instance) / "keys" / "enrol.key"


def node_section(instance: Instance) -> dict[str, Any]:
    """``[fleet]`` of the node."""
    return {"url": url(instance), "token_file": str(enrolment_token(instance))}


def tables(instance: Instance) -> dict[str, Any]:
    """The orchestrator's configuration."""
    return {
        "state_dir": str(directory(instance)),
        "bind": instance.binds(PORT),
        "metrics": instance.binds(METRICS_PORT),
        "user": "secbeat",
        "scaling": scaled.scaling_section(instance),
    }
