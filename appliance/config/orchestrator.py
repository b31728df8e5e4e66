"""``orchestrator.toml``: the binds and the storage of the orchestrator, read at start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from api.orchestrator.scaling.protocol import PROVIDER
from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.settings import KEY_VARIABLE, OrchestratorSettings
from api.orchestrator.threats.incidents import Retention
from api.storage.opening import sqlite_path
from appliance.config.checks import webhook_problems
from appliance.config.load import problem_error, read_document, value_for_people
from appliance.config.model import AbsolutePath, Binds, Section, UserName, WebhooksSection
from appliance.config.secrets import secret
from appliance.config.settings import webhook_settings
from appliance.defaults import ORCHESTRATOR_FILE
from dataplane.base.errors import ConfigurationError

ORCHESTRATOR_API_KEY = (KEY_VARIABLE, "secbeat.orchestrator-api-key")
DATABASE_URL = ("ORCHESTRATOR_DATABASE_URL", "secbeat.orchestrator-database-url")
"""Environment variables, and names of the systemd credentials that replace them."""
BACKENDS = ("sqlite", "postgresql")
SCALED_NODES_MAX = 10_000
_MUST_SIGN_ALIKE = (
    "webhooks.secret is missing: the orchestrators of a PostgreSQL database have to sign alike, so "
    "none makes a secret of its own. Set it, or the credential secbeat.webhooks-secret, to what "
    "receivers know ({file} has it if it was made there), or to a new one: "
    "echo whsec_$(openssl rand -base64 32)"
)
_SCALING = ScalingSettings()
_RETENTION = Retention()


def _database(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("must be sqlite:////PATH or postgresql://USER@HOST/DATABASE") from None
    if url.get_backend_name() not in BACKENDS:
        raise ValueError(f"must begin with one of {', '.join(BACKENDS)}")
    return text


class ScalingSection(Section):
    """``[scaling]``: the provider of nodes, and the limits of their number."""

    provider: Annotated[str, Field(pattern=f"^{PROVIDER.pattern}$")] | None = None
    """A name in the provisioner's configuration; None: nothing can be scaled."""
    socket: AbsolutePath = _SCALING.socket
    min: int = Field(default=_SCALING.nodes_min, ge=0, le=SCALED_NODES_MAX)
    max: int = Field(default=_SCALING.nodes_max, ge=0, le=SCALED_NODES_MAX)
    """Limits of the nodes that jobs have made."""
    timeout_seconds: int = Field(default=_SCALING.timeout_s, ge=1, le=3600)
    drain_seconds: int = Field(default=_SCALING.drain_s, ge=0, le=3600)
    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,255}$")] | None = None
    """The URL of this orchestrator for new nodes; None: the first address of ``bind``."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min = {self.min} is more than max = {self.max}")
        return self


class FleetRetentionSection(Section):
    """``[retention]``: the number and age of attacks, reported by nodes, that are kept."""

    incident_days: int = Field(default=_RETENTION.days_max, ge=1, le=3660)
    incidents_max: int = Field(default=_RETENTION.rows_max, ge=1_000, le=10_000_000)


class OrchestratorConfig(Section):
    """A whole ``orchestrator.toml``; every key has a default."""

    state_dir: AbsolutePath = Path("/var/lib/secbeat-orchestrator")
    database: Annotated[str, AfterValidator(_database)] | None = Field(default=None, repr=False)
    """None: SQLite in the state directory."""
    bind: Binds = ("127.0.0.1:3030", "[::1]:3030")
    socket: AbsolutePath | None = None
    metrics: Binds = ("127.0.0.1:9091", "[::1]:9091")
    workers: int = Field(default=1, ge=1, le=32)
    user: UserName = "secbeat"
    scaling: ScalingSection = ScalingSection()
    webhooks: WebhooksSection = WebhooksSection()
    retention: FleetRetentionSection = FleetRetentionSection()

    @model_validator(mode="after")
    def _receivers(self) -> Self:
        for key, value, rule in webhook_problems(self.webhooks):
            raise ValueError(f"{key} = {value_for_people(key, value)}: {rule}")
        return self


def load_orchestrator(file: Path = ORCHESTRATOR_FILE) -> OrchestratorConfig:
    """Read and check the file. Raises `ConfigurationError`, with a line for each mistake."""
    try:
        return OrchestratorConfig.model_validate(read_document(file))
    except ValidationError as error:
        raise problem_error(file, error, OrchestratorConfig) from None


def database_url(config: OrchestratorConfig, environment: Mapping[str, str]) -> str:
    """The URL of the fleet's database, which may have a password; raises `ConfigurationError`."""
    default = f"sqlite:///{config.state_dir / 'fleet.db'}"
    return secret(environment, *DATABASE_URL) or config.database or default


def orchestrator_settings(
    config: OrchestratorConfig, environment: Mapping[str, str]
) -> OrchestratorSettings:
    """Settings of ``secbeat-orchestrator``; the environment may hold one more admin key and the
    database's URL, or the places of both.

    Raises `ConfigurationError` if a credential of systemd can't be read, or if there are receivers
    of webhooks and each orchestrator of the database could have another secret.
    """
    database = database_url(config, environment)
    webhooks = webhook_settings(config.webhooks, environment, config.state_dir)
    if webhooks.endpoints and webhooks.secret is None and sqlite_path(database) is None:
        raise ConfigurationError(_MUST_SIGN_ALIKE.format(file=webhooks.secret_file))
    return OrchestratorSettings(
        database=database,
        keys=config.state_dir / "keys",
        binds=config.bind,
        unix_socket=config.socket,
        metrics=config.metrics,
        workers=config.workers,
        orchestrator_api_key=secret(environment, *ORCHESTRATOR_API_KEY),
        scaling=_scaling(config),
        webhooks=webhooks,
        retention=Retention(config.retention.incident_days, config.retention.incidents_max),
    )


def _scaling(config: OrchestratorConfig) -> ScalingSettings:
    section = config.scaling
    return ScalingSettings(
        provider=section.provider,
        socket=section.socket,
        nodes_min=section.min,
        nodes_max=section.max,
        timeout_s=section.timeout_seconds,
        drain_s=section.drain_seconds,
        url=section.url or f"http://{config.bind[0]}",
    )
