"""The configuration file as models: its permitted keys, their defaults and limits.

Strict: ``"1"`` is no number and ``true`` is no 1. An unknown key is refused. Rules between keys are
in ``appliance.config.checks``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.agent.recording.journal.event import KINDS, MAIN_KINDS
from api.agent.recording.journal.keep import Keep
from api.webhooks import secret
from api.webhooks.settings import ENDPOINTS_MAX, RETRIES_MAX
from appliance.config.binds import Bind
from appliance.config.devices import data_device, management_device
from dataplane.base.settings import ConnectionTimeouts

LCORES_MAX = 16
"""SB_LCORES_MAX of the packet path."""
CPU_MAX = 1023
"""CPU_SETSIZE of glibc, less one."""
ADDRESSES_MAX = 33_554_432
PREFIXES_MAX = 4_194_304
BUCKETS_MAX = 16_777_216
FLOWS_MAX = 16_777_216
DESTINATIONS_MAX = 1_048_576
UNPROVEN_SECONDS_MAX = 120
URL_LENGTH_MAX = 2048
LABELS_MAX = 32
BINDS_MAX = 8
_TIMEOUTS = ConnectionTimeouts()
_KEEP = Keep()


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("must be an absolute path")
    return path


def _bind(text: str) -> str:
    Bind.parse(text)
    return text


def _one_or_more(value: object) -> object:
    return (_bind(value),) if isinstance(value, str) else value


def _data_device(text: str) -> str:
    data_device(text)
    return text


def _management_device(text: str) -> str:
    management_device(text)
    return text


def _event_kind(text: str) -> str:
    if text not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}")
    return text


def _secret(text: str) -> str:
    secret.decode(text)
    return text


AbsolutePath = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]
BindText = Annotated[str, AfterValidator(_bind)]
Binds = Annotated[
    tuple[BindText, ...],
    Field(strict=False, min_length=1, max_length=BINDS_MAX),
    BeforeValidator(_one_or_more),
]
"""One address, or a list of them."""
UserName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]
DataDevice = Annotated[str, Field(pattern=r"^[!-~]{1,255}$"), AfterValidator(_data_device)]
ManagementDevice = Annotated[str, AfterValidator(_management_device)]
EventKind = Annotated[str, AfterValidator(_event_kind)]
Secret = Annotated[str, AfterValidator(_secret)]
HostName = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
NodeName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$")]
Label = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$")]
Cpu = Annotated[int, Field(ge=0, le=CPU_MAX)]


class Section(BaseModel):
    """A table of a configuration file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class NodeSection(Section):
    """``[node]``: the node's name and mode, and its directories."""

    name: NodeName | None = None
    mode: Literal["tcp", "syn", "l7", "auto"] = "auto"
    state_dir: AbsolutePath = Path("/var/lib/secbeat")
    run_dir: AbsolutePath = Path("/run/secbeat")
    nics_dir: AbsolutePath = Path("/run/secbeat-nics")


class PortSection(Section):
    """``[ports.outside]`` and ``[ports.inside]``: one data port; the MTU in bytes."""

    device: DataDevice
    mtu: int = Field(default=1500, ge=576, le=9600)


class PortsSection(Section):
    """``[ports]``: outside faces the internet, inside the protected servers."""

    outside: PortSection
    inside: PortSection


class LinksSection(Section):
    """``[links]``: link-loss forwarding between the ports."""

    loss_forwarding: Literal["off", "on"] = "off"
    hold_seconds: int = Field(default=5, ge=0, le=300)


class DrainSection(Section):
    """``[drain]``: the behaviour of a draining node."""

    links: Literal["keep", "down"] = "keep"
    connections_seconds: int = Field(default=30, ge=0, le=86_400)
    quiet_seconds: int = Field(default=10, ge=1, le=3600)


class ManagementSection(Section):
    """``[management]``: the NIC that stays with the kernel; None: SecBeat does not configure it."""

    nic: ManagementDevice | None = None


class DataplaneSection(Section):
    """``[dataplane]``: cores, memory and user of the packet path, and the driver of its NICs."""

    lcores: int = Field(default=1, ge=1, le=LCORES_MAX)
    worker_cpus: Annotated[tuple[Cpu, ...], Field(strict=False)] = ()
    hugepages: Literal["auto", "on", "off"] = "auto"
    memory_mib: int = Field(default=64, ge=16, le=65_536)
    mbufs: int = Field(default=0, ge=0, le=4_194_304)
    user: UserName = "secbeat-dp"
    nic_driver: Literal["vfio-pci", "uio_pci_generic"] = "vfio-pci"


class ListsSection(Section):
    """``[lists]``: capacities of the blacklist and the allowlist together."""

    addresses_max: int = Field(default=1_000_000, ge=1, le=ADDRESSES_MAX)
    prefixes_max: int = Field(default=131_072, ge=1, le=PREFIXES_MAX)


class LimitsSection(Section):
    """``[limits]``: numbers of addresses with a bucket of their own, per lcore."""

    sources_max: int = Field(default=200_000, ge=1, le=BUCKETS_MAX)
    prefixes_max: int = Field(default=100_000, ge=1, le=BUCKETS_MAX)
    destinations_max: int = Field(default=25_000, ge=1, le=BUCKETS_MAX)


Seconds = Annotated[int, Field(ge=1, le=86_400)]
UnprovenSeconds = Annotated[int, Field(ge=1, le=UNPROVEN_SECONDS_MAX)]


class TimeoutsSection(Section):
    """``[connections.timeouts]``: seconds without a packet, by state of the connection."""

    syn_sent: UnprovenSeconds = _TIMEOUTS.syn_sent
    syn_received: UnprovenSeconds = _TIMEOUTS.syn_received
    established: Seconds = _TIMEOUTS.established
    half_closed: Seconds = _TIMEOUTS.half_closed
    closed: Seconds = _TIMEOUTS.closed
    reset: UnprovenSeconds = _TIMEOUTS.reset
    picked_up: UnprovenSeconds = _TIMEOUTS.picked_up
    one_way: UnprovenSeconds = _TIMEOUTS.one_way
    two_way: UnprovenSeconds = _TIMEOUTS.two_way


class ConnectionsSection(Section):
    """``[connections]``: connections per lcore, their timeouts, and the learning time after a
    start."""

    max: int = Field(default=262_144, ge=1, le=FLOWS_MAX)
    learning_seconds: int = Field(default=300, ge=0, le=86_400)
    timeouts: TimeoutsSection = TimeoutsSection()


class HttpSection(Section):
    """``[http]``: memory for incomplete HTTP requests."""

    pool_mib: int = Field(default=64, ge=2, le=8_192)


class DetectionSection(Section):
    """``[detection]``: protected addresses per lcore with counters of their own."""

    destinations_max: int = Field(default=65_536, ge=1, le=DESTINATIONS_MAX)


class ApiSection(Section):
    """``[api]``: the management API."""

    bind: Binds = ("127.0.0.1:9999", "[::1]:9999")
    socket: AbsolutePath | None = None
    user: UserName = "secbeat"


class MetricsSection(Section):
    """``[metrics]``: the agent's two Prometheus endpoints."""

    public: Binds = ("127.0.0.1:9090", "[::1]:9090")
    internal: Binds = ("127.0.0.1:9191", "[::1]:9191")


class WebhooksSection(Section):
    """``[webhooks]``: receivers of events."""

    enabled: bool = False
    endpoints: Annotated[tuple[str, ...], Field(strict=False, max_length=ENDPOINTS_MAX)] = ()
    events: Annotated[tuple[EventKind, ...], Field(strict=False)] = MAIN_KINDS
    secret: Secret | None = Field(default=None, repr=False)
    max_retries: int = Field(default=15, ge=0, le=RETRIES_MAX)
    allow_hosts: Annotated[tuple[HostName, ...], Field(strict=False, max_length=64)] = ()


class RetentionSection(Section):
    """``[retention]``: the number and age of recorded data that are kept."""

    incident_days: int = Field(default=_KEEP.incident_days, ge=1, le=3660)
    incidents_max: int = Field(default=_KEEP.incidents_max, ge=100, le=1_000_000)
    event_days: int = Field(default=_KEEP.event_days, ge=1, le=3660)
    events_max: int = Field(default=_KEEP.events_max, ge=1_000, le=10_000_000)
    deliveries_max: int = Field(default=_KEEP.deliveries_max, ge=1_000, le=1_000_000)
    captures_max: int = Field(default=_KEEP.captures_max, ge=1_000, le=16_000_000)


class FleetSection(Section):
    """``[fleet]``: the orchestrator that the node follows; without a URL, none."""

    url: Annotated[str, Field(max_length=URL_LENGTH_MAX)] | None = None
    token_file: AbsolutePath | None = None
    ca_file: AbsolutePath | None = None
    labels: Annotated[dict[Label, Label], Field(max_length=LABELS_MAX)] = {}


class PolicySection(Section):
    """``[policy]``: a file that fills an empty database, and is not used afterwards."""

    file: Annotated[Path, Field(strict=False)] | None = None


class NodeConfig(Section):
    """A whole ``secbeat.toml``; only the devices of the two ports have no default."""

    ports: PortsSection
    node: NodeSection = NodeSection()
    links: LinksSection = LinksSection()
    drain: DrainSection = DrainSection()
    management: ManagementSection = ManagementSection()
    dataplane: DataplaneSection = DataplaneSection()
    lists: ListsSection = ListsSection()
    limits: LimitsSection = LimitsSection()
    connections: ConnectionsSection = ConnectionsSection()
    http: HttpSection = HttpSection()
    detection: DetectionSection = DetectionSection()
    api: ApiSection = ApiSection()
    metrics: MetricsSection = MetricsSection()
    webhooks: WebhooksSection = WebhooksSection()
    retention: RetentionSection = RetentionSection()
    policy: PolicySection = PolicySection()
    fleet: FleetSection = FleetSection()
