"""The paths of a node's files below its two directories."""

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


def rules_cache(config: NodeConfig) -> Path:
    """Compiled rules of the WAF: the data plane's own; rebuilt if they are missing."""
    return config.node.state_dir / "rules"


def database_path(config: NodeConfig) -> Path:
    """``node.db``: used by the API only."""
    return config.node.state_dir / "api" / "node.db"


def node_id_path(config: NodeConfig) -> Path:
    """The node's UUID, made at first boot."""
    return config.node.state_dir / "node-id"


def agent_directory(config: NodeConfig) -> Path:
    """Directory that only the agent may write: `events_path`, and its keys."""
    return config.node.state_dir / "agent"


def events_path(config: NodeConfig) -> Path:
    """``events.db``: written by the agent, read by the API."""
    return agent_directory(config) / "events.db"


def agent_socket_path(config: NodeConfig) -> Path:
    """The agent's control socket. Not in the run directory itself, which is the data plane's."""
    run_dir = config.node.run_dir
    return run_dir.with_name(f"{run_dir.name}-agent") / "agent.sock"


def countries_files(state_dir: Path) -> tuple[Path, Path]:
    """Country databases, in order of precedence: the one that root has built, the packaged one."""
    return state_dir / "countries" / "countries.db", PACKAGED_COUNTRIES


def agent_key_path(config: NodeConfig) -> Path:
    """The agent's key for the API, which the API makes at its first start."""
    return agent_directory(config) / "agent.key"


def keys_directory(config: NodeConfig) -> Path:
    """The admin key made at first boot."""
    return config.node.state_dir / "keys"
