"""Converts the configuration to the settings of each process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from api.agent.fleet.settings import FleetSettings
from api.agent.recording.journal.keep import Keep
from api.agent.settings import AgentSettings
from api.management.settings import KEY_VARIABLE, ApiSettings
from api.webhooks import secret
from api.webhooks.settings import WebhookSettings
from appliance.config.model import NodeConfig, WebhooksSection
from appliance.config.paths import (
    agent_directory,
    agent_key_path,
    agent_socket_path,
    countries_files,
    database_path,
    events_path,
    keys_directory,
    node_id_path,
    rules_cache,
    socket_path,
    state_log_directory,
)
from appliance.config.resolution import eal_device
from appliance.config.secrets import secret as secret_text
from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import (
    ConnectionCapacities,
    ConnectionTimeouts,
    DataplaneSettings,
    DrainSettings,
    HttpCapacities,
    LimitCapacities,
    PortSettings,
)
from dataplane.policy.reflectors import REFLECTORS
from dataplane.policy.rules import RULES

MANAGEMENT_API_KEY = (KEY_VARIABLE, "secbeat.management-api-key")
SYN_COOKIE_SECRET = ("SYN_COOKIE_SECRET", "secbeat.syn-cookie-secret")
WEBHOOKS_SECRET = ("WEBHOOKS_SECRET", "secbeat.webhooks-secret")
FLEET_TOKEN = ("FLEET_TOKEN", "secbeat.fleet-token")
"""Environment variables, and names of the systemd credentials that replace them."""
SECRET_BYTES_MIN = 16
INSPECTING_MODES = ("l7", "auto")
"""Modes with HTTP inspection, and so with rules of the WAF."""


def dataplane_settings(
    config: NodeConfig, environment: Mapping[str, str] | None = None
) -> DataplaneSettings:
    """Settings of ``secbeat-dataplane``; the API's user is the one that may connect to it.

    The environment may hold the secret of SYN cookies that nodes share, or its place. Raises
    ConfigurationError if the secret is too short, or if a device is named by MAC or order and was
    not resolved yet.
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
        destinations_max=config.detection.destinations_max,
        reflectors=tuple(sorted(REFLECTORS)),
        connections=ConnectionCapacities(
            connections_max=connections.max,
            timeouts=ConnectionTimeouts(**connections.timeouts.model_dump()),
            learning_seconds=connections.learning_seconds,
        ),
        http=HttpCapacities(config.http.pool_mib),
        has_http=config.node.mode in {"l7", "auto"},
        has_syn_proxy=config.node.mode != "tcp",
        link_hold_ms=_link_hold_ms(config),
        drain=DrainSettings(
            takes_links_down=config.drain.links == "down",
            connections_ms=1000 * config.drain.connections_seconds,
            quiet_ms=1000 * config.drain.quiet_seconds,
        ),
        rules_cache=rules_cache(config) if config.node.mode in INSPECTING_MODES else None,
        syn_cookie_secret=_syn_cookiesecret_text(environment or {}),
    )


def _link_hold_ms(config: NodeConfig) -> int | None:
    return 1000 * config.links.hold_seconds if config.links.loss_forwarding == "on" else None


def api_settings(config: NodeConfig, environment: Mapping[str, str]) -> ApiSettings:
    """Settings of ``secbeat-api``; the environment may hold one more admin key, or its place.

    Raises ConfigurationError if systemd's credential with that key can't be read.
    """
    return ApiSettings(
        database=database_path(config),
        state_log=state_log_directory(config),
        socket=socket_path(config),
        keys=keys_directory(config),
        agent_key=agent_key_path(config),
        agent=agent_socket_path(config),
        countries=countries_files(config.node.state_dir),
        events=events_path(config),
        binds=config.api.bind,
        unix_socket=config.api.socket,
        mode=config.node.mode,
        policy_file=config.policy.file,
        management_api_key=secret_text(environment, *MANAGEMENT_API_KEY),
        addresses_max=config.lists.addresses_max,
        prefixes_max=config.lists.prefixes_max,
    )


def agent_settings(config: NodeConfig, environment: Mapping[str, str]) -> AgentSettings:
    """Settings of ``secbeat-agent``; the environment may hold the secret of webhooks and the
    enrolment token, or their places.

    Raises ConfigurationError: a secret is invalid, or the node has no id yet.
    """
    return AgentSettings(
        socket=socket_path(config),
        events=events_path(config),
        control=agent_socket_path(config),
        node_id=node_id(config),
        public=config.metrics.public,
        internal=config.metrics.internal,
        api=config.api.bind[0],
        state_dir=config.node.state_dir,
        webhooks=webhook_settings(config.webhooks, environment, agent_directory(config)),
        keep=Keep(**config.retention.model_dump()),
        fleet=_fleet(config, environment),
    )


def node_id(config: NodeConfig) -> str:
    """The node's name: the configured one, else the first 8 digits of its UUID.

    Raises ConfigurationError if it has neither.
    """
    if config.node.name is not None:
        return config.node.name
    return f"node-{_uuid(config, ', or node.name stands for it').hex[:8]}"


def _uuid(config: NodeConfig, otherwise: str = "") -> UUID:
    file = node_id_path(config)
    try:
        return UUID(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        remedy = f"'secbeat host firstboot' makes it{otherwise}"
        raise ConfigurationError(f"{file}: no UUID can be read ({error}): {remedy}") from error


def _fleet(config: NodeConfig, environment: Mapping[str, str]) -> FleetSettings | None:
    section = config.fleet
    if section.url is None:
        return None
    return FleetSettings(
        url=section.url,
        token_file=section.token_file,
        token=secret_text(environment, *FLEET_TOKEN),
        directory=agent_directory(config),
        uuid=str(_uuid(config)),
        ca_file=section.ca_file,
        labels=section.labels,
        rule_types=tuple(sorted(RULES)),
    )


def webhook_settings(
    section: WebhooksSection, environment: Mapping[str, str], directory: Path
) -> WebhookSettings:
    """Settings of a sender of webhooks; the secret that it makes is stored in the directory.

    Raises `ConfigurationError` if the credential is invalid, or can't be read.
    """
    found = section.secret or secret_text(environment, *WEBHOOKS_SECRET)
    if found is not None:
        try:
            secret.decode(found)
        except ValueError as error:
            raise ConfigurationError(f"{WEBHOOKS_SECRET[1]}: {error}") from None
    return WebhookSettings(
        endpoints=section.endpoints if section.enabled else (),
        events=section.events,
        secret=found,
        secret_file=directory / "webhooks.secret",
        max_retries=section.max_retries,
        allow_hosts=section.allow_hosts,
    )


def _syn_cookiesecret_text(environment: Mapping[str, str]) -> bytes:
    secret = (secret_text(environment, *SYN_COOKIE_SECRET) or "").encode()
    if secret and len(secret) < SECRET_BYTES_MIN:
        name, _ = SYN_COOKIE_SECRET
        limit = f"must be at least {SECRET_BYTES_MIN}"
        raise ConfigurationError(f"{name}: {len(secret)} bytes, {limit}")
    return secret
