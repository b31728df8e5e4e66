"""The ``secbeat.toml`` of an instance: the lab's defaults, what the user's own file says over them,
and what only the lab can know.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.lab.commands import LabError
from appliance.lab.instance import Instance
from appliance.lab.network import INSIDE, OUTSIDE

FRAME_BYTES = 2048
"""Of a slot in af_packet's rings: MTU 1500, two VLAN tags, the kernel's own header."""
FRAME_COUNT = 1024
BLOCK_BYTES = 65536

Tables = dict[str, Any]

_XDP_MEMORY = {"mbufs": 16384, "memory_mib": 128}
"""Each af_xdp queue keeps thousands of buffers in its rings."""


def compose(instance: Instance, mode: str | None, file: Path | None) -> Tables:
    """The instance's configuration as tables; raises LabError when the file can't be read."""
    chosen = _read(file) if file else {}
    lcores = chosen.get("dataplane", {}).get("lcores", 1)
    tables = _merge(_defaults(instance, lcores), chosen)
    if any("af_xdp" in port.get("device", "") for port in tables["ports"].values()):
        tables["dataplane"] = _XDP_MEMORY | tables["dataplane"]
    if mode:
        tables["node"]["mode"] = mode
    # Paths and users are the lab's: two instances must not share state.
    tables["node"] |= {"state_dir": str(instance.state_dir), "run_dir": str(instance.run_dir)}
    tables["dataplane"]["user"] = "secbeat-dp"
    tables["api"]["user"] = "secbeat"
    return tables


def write(instance: Instance, tables: Tables, file: Path | None) -> None:
    """Write ``secbeat.toml``, and the policy file that the user's own configuration names."""
    policy = tables.get("policy", {}).get("file")
    if policy and file:
        copy = instance.directory / "policy.toml"
        shutil.copyfile(file.parent / policy, copy)
        copy.chmod(0o644)
        tables["policy"]["file"] = str(copy)
    instance.config_file.write_text(dump(tables))
    instance.config_file.chmod(0o644)


def dump(tables: Mapping[str, Any], prefix: str = "") -> str:
    """Tables of strings, numbers, booleans and lists of them as TOML."""
    plain = {key: value for key, value in tables.items() if not isinstance(value, Mapping)}
    text = f"[{prefix}]\n" if prefix and plain else ""
    # JSON's notation of these types is TOML's.
    text += "".join(
        f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in plain.items()
    )
    for key, value in tables.items():
        if isinstance(value, Mapping):
            text += dump(value, f"{prefix}.{key}" if prefix else key)
    return text


def _defaults(instance: Instance, lcores: int) -> Tables:
    return {
        "node": {"mode": "auto"},
        "ports": {
            "outside": {"device": _device(0, OUTSIDE, lcores), "mtu": 1500},
            "inside": {"device": _device(1, INSIDE, lcores), "mtu": 1500},
        },
        "dataplane": {"lcores": lcores, "hugepages": "auto"},
        "api": {"bind": f"{instance.address}:9999"},
        "metrics": {
            "public": f"{instance.address}:9090",
            "internal": f"{instance.address}:9191",
        },
    }


def _device(index: int, interface: str, queues: int) -> str:
    return (
        f"net_af_packet{index},iface={interface},qpairs={queues},"
        f"blocksz={BLOCK_BYTES},framesz={FRAME_BYTES},framecnt={FRAME_COUNT}"
    )


def _read(file: Path) -> Tables:
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise LabError(f"{file} can't be read as TOML: {exc}") from exc


def _merge(below: Tables, above: Tables) -> Tables:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, dict) and isinstance(value, dict)
        merged[key] = _merge(under, value) if both else value  # type: ignore[arg-type]
    return merged
