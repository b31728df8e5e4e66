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

CREDENTIAL = "secbeat.management-api-key"
"""Name of the systemd credential that stands in for ``MANAGEMENT_API_KEY``."""


def dataplane_settings(config: NodeConfig) -> DataplaneSettings:
    """Settings of ``secbeat-dataplane``; the API's user is the one that may connect to it.

    Raises ConfigurationError if a device is named by MAC or order and has not been looked for yet.
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
        management_api_key=_management_api_key(environment),
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


def _management_api_key(environment: Mapping[str, str]) -> str | None:
    """``MANAGEMENT_API_KEY``, else the credential of systemd.exec(5), else none."""
    key = environment.get("MANAGEMENT_API_KEY")
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if key or not directory:
        return key or None
    file = Path(directory) / CREDENTIAL
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: can't be read: {error}") from error
