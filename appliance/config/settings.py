"""From the configuration to what each process is started with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from api.agent.settings import AgentSettings
from api.management.settings import ApiSettings
from appliance.config.model import NodeConfig
from appliance.config.paths import (
    countries_files,
    database_path,
    keys_directory,
    socket_path,
    state_log_directory,
)
from appliance.config.resolution import eal_device
from dataplane.errors import ConfigurationError
from dataplane.settings import (
    ConnectionCapacities,
    ConnectionTimeouts,
    DataplaneSettings,
    LimitCapacities,
    PortSettings,
)

MANAGEMENT_API_KEY = ("MANAGEMENT_API_KEY", "secbeat.management-api-key")
SYN_COOKIE_SECRET = ("SYN_COOKIE_SECRET", "secbeat.syn-cookie-secret")
"""Environment variables, and names of the systemd credentials that stand in for them."""
SECRET_BYTES_MIN = 16


def dataplane_settings(
    config: NodeConfig, environment: Mapping[str, str] | None = None
) -> DataplaneSettings:
    """Settings of ``secbeat-dataplane``; the API's user is the one that may connect to it.

    The environment may hold the secret of SYN cookies that nodes share, or say where it is. Raises
    ConfigurationError if that is too short, or if a device is named by MAC or order and has not
    been looked for yet.
    """
    dataplane, lists, limits = config.dataplane, config.lists, config.limits
    connections = config.connections
    return DataplaneSettings(
        outside=PortSettings(eal_device(config, "outside"), config.ports.outside.mtu),
        inside=PortSettings(eal_device(config, "inside"), config.ports.inside.mtu),
        state_log=state_log_directory(config),
        socket=socket_path(config),
        countries=countries_files(config.node.state_dir),
        client_users=(config.api.user,),
        lcores=dataplane.lcores,
        worker_cpus=dataplane.worker_cpus,
        hugepages=dataplane.hugepages,
        memory_mib=dataplane.memory_mib,
        mbufs=dataplane.mbufs,
        addresses_max=lists.addresses_max,
        prefixes_max=lists.prefixes_max,
        limits=LimitCapacities(limits.sources_max, limits.prefixes_max, limits.destinations_max),
        connections=ConnectionCapacities(
            connections_max=connections.max,
            timeouts=ConnectionTimeouts(**connections.timeouts.model_dump()),
            learning_seconds=connections.learning_seconds,
        ),
        has_syn_proxy=config.node.mode != "tcp",
        syn_cookie_secret=_syn_cookie_secret(environment or {}),
    )


def api_settings(config: NodeConfig, environment: Mapping[str, str]) -> ApiSettings:
    """Settings of ``secbeat-api``; the environment given may hold one more admin key, or say where.

    Raises ConfigurationError if systemd's credential with that key can't be read.
    """
    return ApiSettings(
        database=database_path(config),
        state_log=state_log_directory(config),
        socket=socket_path(config),
        keys=keys_directory(config),
        countries=countries_files(config.node.state_dir),
        bind=config.api.bind,
        unix_socket=config.api.socket,
        mode=config.node.mode,
        policy_file=config.policy.file,
        management_api_key=_secret(environment, *MANAGEMENT_API_KEY),
        addresses_max=config.lists.addresses_max,
        prefixes_max=config.lists.prefixes_max,
    )


def agent_settings(config: NodeConfig) -> AgentSettings:
    """Settings of ``secbeat-agent``."""
    return AgentSettings(
        socket=socket_path(config),
        public=config.metrics.public,
        internal=config.metrics.internal,
    )


def _syn_cookie_secret(environment: Mapping[str, str]) -> bytes:
    secret = (_secret(environment, *SYN_COOKIE_SECRET) or "").encode()
    if secret and len(secret) < SECRET_BYTES_MIN:
        name, _ = SYN_COOKIE_SECRET
        limit = f"must be at least {SECRET_BYTES_MIN}"
        raise ConfigurationError(f"{name}: {len(secret)} bytes, {limit}")
    return secret


def _secret(environment: Mapping[str, str], variable: str, credential: str) -> str | None:
    """The variable, else the credential of systemd.exec(5), else none."""
    key = environment.get(variable)
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if key or not directory:
        return key or None
    file = Path(directory) / credential
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {error}") from error
