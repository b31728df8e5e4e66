"""Where a node keeps its files: the one place that knows what lies below its two directories."""

from __future__ import annotations

from pathlib import Path

from appliance.config.model import NodeConfig

PACKAGED_COUNTRIES = Path("/usr/share/secbeat/countries.db")


def socket_path(config: NodeConfig) -> Path:
    """The data plane's Unix socket."""
    return config.node.run_dir / "dataplane.sock"


def state_log_directory(config: NodeConfig) -> Path:
    """The state log: written by the API, read by the data plane."""
    return config.node.state_dir / "state"


def database_path(config: NodeConfig) -> Path:
    """``node.db``: the API's alone."""
    return config.node.state_dir / "api" / "node.db"


def countries_files(state_dir: Path) -> tuple[Path, Path]:
    """Country databases, the one to be used first: what root has built, what was packaged."""
    return state_dir / "countries" / "countries.db", PACKAGED_COUNTRIES


def keys_directory(config: NodeConfig) -> Path:
    """The keys made at first boot."""
    return config.node.state_dir / "keys"
