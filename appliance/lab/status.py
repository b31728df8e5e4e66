"""The status for ``lab status``: the supervisor writes it at every change, every user
may read it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from appliance.config import NodeConfig
from appliance.lab import network
from appliance.lab.claim import supervisor_pid, try_claim
from appliance.lab.fleet import orchestrator
from appliance.lab.instance import Instance
from appliance.lab.processes.unit import Unit

Document = dict[str, Any]


def describe(instance: Instance, config: NodeConfig) -> Document:
    """The values that do not change while an instance runs."""
    spaces = instance.namespaces
    fleet = _describe_orchestrator(instance) if orchestrator.is_own(instance, config) else {}
    return {
        "instance": instance.name,
        "addresses": {
            "api": config.api.bind[0],
            "metrics_public": config.metrics.public[0],
            "metrics_internal": config.metrics.internal[0],
            "client": list(network.CLIENT.plain()),
            "origin": list(network.ORIGIN.plain()),
            **fleet.get("addresses", {}),
        },
        "namespaces": {"client": spaces.client, "node": spaces.node, "origin": spaces.origin},
        "key_file": str(instance.admin_key),
        **fleet.get("files", {}),
        "config_file": str(instance.config_file),
        "socket": str(instance.socket),
        "log_directory": str(instance.logs),
    }


def _describe_orchestrator(instance: Instance) -> Document:
    return {
        "addresses": {
            "orchestrator": instance.binds(orchestrator.PORT)[0],
            "metrics_orchestrator": instance.binds(orchestrator.METRICS_PORT)[0],
        },
        "files": {"orchestrator_key_file": str(orchestrator.admin_key(instance))},
    }


def publish(instance: Instance, fixed: Document, state: str, units: Sequence[Unit]) -> None:
    """Write the status file; readers see the old one or the new one."""
    document = fixed | {
        "state": state,
        "supervisor_pid": os.getpid(),
        "processes": {
            unit.name: {
                "pid": unit.pid,
                "state": str(unit.state),
                "user": unit.service.user,
                "restarts": unit.restarts,
                "last_exit": unit.last_exit,
            }
            for unit in units
        },
    }
    fresh = instance.status_file.with_suffix(".new")
    fresh.write_text(json.dumps(document, indent=2) + "\n")
    fresh.chmod(0o644)
    fresh.replace(instance.status_file)


def read(instance: Instance) -> Document:
    """The status of an instance; ``state`` is starting, up, stopping, crashed or down."""
    try:
        claim = try_claim(instance)
    except FileNotFoundError:
        return {"instance": instance.name, "state": "down"}
    if claim is not None:
        claim.release()
    try:
        document: Document = json.loads(instance.status_file.read_text())
    except FileNotFoundError:
        document = {"instance": instance.name, "state": "starting"}
    document.setdefault("supervisor_pid", supervisor_pid(instance))
    return document if claim is None else document | {"state": "crashed"}
