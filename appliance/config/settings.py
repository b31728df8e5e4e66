"""From the configuration to what each process is started with."""

from __future__ import annotations

from collections.abc import Mapping

from api.agent.settings import AgentSettings
from api.management.settings import ApiSettings
from appliance.config.model import NodeConfig
from appliance.config.paths import (
    database_path,
    keys_directory,
    socket_path,
    state_log_directory,
)
from appliance.config.resolution import eal_device
from dataplane.settings import DataplaneSettings, PortSettings


def dataplane_settings(config: NodeConfig) -> DataplaneSettings:
    """Settings of ``secbeat-dataplane``; the API's user is the one that may connect to it.

    Raises ConfigurationError if a device is named by MAC or order and has not been looked for yet.
    """
    dataplane, lists = config.dataplane, config.lists
    return DataplaneSettings(
        outside=PortSettings(eal_device(config, "outside"), config.ports.outside.mtu),
        inside=PortSettings(eal_device(config, "inside"), config.ports.inside.mtu),
        state_log=state_log_directory(config),
        socket=socket_path(config),
        client_users=(config.api.user,),
        lcores=dataplane.lcores,
        worker_cpus=dataplane.worker_cpus,
        hugepages=dataplane.hugepages,
        memory_mib=dataplane.memory_mib,
        mbufs=dataplane.mbufs,
        addresses_max=lists.addresses_max,
        prefixes_max=lists.prefixes_max,
    )


def api_settings(config: NodeConfig, environment: Mapping[str, str]) -> ApiSettings:
    """Settings of ``secbeat-api``; ``MANAGEMENT_API_KEY`` is read from the environment given."""
    return ApiSettings(
        database=database_path(config),
        state_log=state_log_directory(config),
        socket=socket_path(config),
        keys=keys_directory(config),
        bind=config.api.bind,
        mode=config.node.mode,
        policy_file=config.policy.file,
        management_api_key=environment.get("MANAGEMENT_API_KEY") or None,
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
