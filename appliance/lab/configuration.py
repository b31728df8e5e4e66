"""The ``secbeat.toml`` of an instance: the lab's defaults, overridden by the user's own file, and
values that only the lab has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from appliance.config.dump import dump
from appliance.config.load import parse_config, read_document
from appliance.lab.fleet import orchestrator, scaled
from appliance.lab.instance import Instance
from appliance.lab.network import INSIDE, OUTSIDE
from dataplane.policy import load_policy_file

FRAME_BYTES = 2048
"""Size of a slot in af_packet's rings: MTU 1500, two VLAN tags, the kernel's own header."""
FRAME_COUNT = 1024
BLOCK_BYTES = 65536

Tables = dict[str, Any]

_XDP_MEMORY = {"mbufs": 16384, "memory_mib": 128}
"""Each af_xdp queue keeps thousands of buffers in its rings."""


def compose(
    instance: Instance, mode: str | None, file: Path | None, *, has_orchestrator: bool = False
) -> Tables:
    """The instance's configuration as tables.

    With an orchestrator the node follows it, unless the user's file names another one.

    Raises:
        ConfigurationError: the user's file can't be read, or is invalid.
        InvalidInputError: the policy file that it names is invalid.
    """
    chosen = read_document(file) if file else {}
    defaults = _defaults(instance, _lcores(chosen))
    if has_orchestrator and "url" not in chosen.get("fleet", {}):
        defaults["fleet"] = orchestrator.node_section(instance)
    tables = _merge(defaults, chosen)
    policy = parse_config(tables, file or instance.config_file).policy.file
    if policy and file:
        load_policy_file(file.parent / policy)
    if any("af_xdp" in port.get("device", "") for port in tables["ports"].values()):
        tables["dataplane"] = _XDP_MEMORY | tables["dataplane"]
    if mode:
        tables["node"]["mode"] = mode
    # Paths and users are those of the lab: two instances must not share state.
    tables["node"] |= {"state_dir": str(instance.state_dir), "run_dir": str(instance.run_dir)}
    tables["dataplane"]["user"] = "secbeat-dp"
    tables["api"]["user"] = "secbeat"
    return tables


def write(instance: Instance, tables: Tables, file: Path | None) -> None:
    """Write ``secbeat.toml``, and the policy file that the user's own configuration names."""
    policy = tables.get("policy", {}).get("file")
    if policy and file:
        copy = instance.directory / f"policy{Path(policy).suffix}"  # which tells TOML from JSON
        shutil.copyfile(file.parent / policy, copy)
        copy.chmod(0o644)
        tables["policy"]["file"] = str(copy)
    _write(instance.config_file, tables)


def write_orchestrator(instance: Instance) -> None:
    """Write ``orchestrator.toml``."""
    _write(orchestrator.config_file(instance), orchestrator.tables(instance))


def write_provisioner(instance: Instance, python: str, tree: Path) -> None:
    """Write ``provisioner.toml``."""
    _write(scaled.provisioner_file(instance), scaled.provisioner_tables(instance, python, tree))


def _write(file: Path, tables: Tables) -> None:
    file.write_text(dump(tables))
    file.chmod(0o644)


def _defaults(instance: Instance, lcores: int) -> Tables:
    return {
        "node": {"mode": "auto"},
        "ports": {
            "outside": {"device": _device(0, OUTSIDE, lcores), "mtu": 1500},
            "inside": {"device": _device(1, INSIDE, lcores), "mtu": 1500},
        },
        "dataplane": {"lcores": lcores, "hugepages": "auto"},
        "api": {"bind": instance.binds(9999)},
        "metrics": {"public": instance.binds(9090), "internal": instance.binds(9191)},
    }


def _device(index: int, interface: str, queues: int) -> str:
    return (
        f"net_af_packet{index},iface={interface},qpairs={queues},"
        f"blocksz={BLOCK_BYTES},framesz={FRAME_BYTES},framecnt={FRAME_COUNT}"
    )


def _lcores(chosen: Tables) -> int:
    """Queues that each port needs; these tables have not been checked yet."""
    section = chosen.get("dataplane")
    lcores = section.get("lcores") if isinstance(section, dict) else None
    return lcores if isinstance(lcores, int) else 1


def _merge(below: Tables, above: Tables) -> Tables:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[key] = _merge(under, value) if both else value  # type: ignore[arg-type]
    return merged
