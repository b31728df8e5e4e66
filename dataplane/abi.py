"""What C and Python share; generated from ``fastpath/include/abi.h``.

Do not edit: change the header, then ``make -C dataplane/fastpath abi``.
"""

from __future__ import annotations

import ctypes
import enum

ABI_HASH = "af0a2dd0b91e9946343a6e162e9deff2182364460f43a65e61ae396bd2b1c52b"

ABI_VERSION = 1
CACHE_LINE = 64
PAGE = 4096
BURST_MAX = 32
LCORES_MAX = 16
PROFILES_MAX = 2048
PROFILE_NAME = 64
LIMITS_MAX = 10
LIMIT_BURST_S_MAX = 64
PORT_RANGES_MAX = 32
REFLECTORS_MAX = 64
COUNTRY_MAX = 676
COUNTRY_WORDS = 11
COUNTRY_RANGES_MAX = 1048576
RING_SLOTS = 1024
LATENCY_BUCKETS = 20
REJECTED_MAX = 256
SAMPLED_BURSTS = 64
COOKIE_SLOT_S = 64
COOKIE_EPOCH = 64
OUTBOX_BUFFERS = 64
OUTBOX_MAX = 256
FRAME_OWN_MAX = 128
SYN_RATE_DEFAULT = 1000
SYN_UNANSWERED_MIN = 100
SYN_PROXY_HOLD_DS = 300
HELD_MAX = 4
OPENINGS_MAX = 65536
FLOWS_MAX = 16777216
FLOW_TIMEOUT_DS_MAX = 864000
FLOW_UNPROVEN_DS_MAX = 1200
FLOW_SWEEP_DS = 100
DEADLINE_NEVER = 2147483647
PORT_COUNT = 2
VERDICT_COUNT = 4
MODE_COUNT = 3
STAGE_COUNT = 10
REASON_COUNT = 46
ORIGIN_COUNT = 4
LIST_COUNT = 2
SYN_PROXY_COUNT = 3
SCOPE_COUNT = 4
UNIT_COUNT = 3
FLOW_STATE_COUNT = 9
STATE_COUNT = 3
MESSAGE_COUNT = 6
NOTICE_COUNT = 11
STATS_MAGIC = 0x53656342656174

LATENCY_BOUNDS_NS: tuple[int, ...] = (
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
)


class Port(enum.IntEnum):
    """enum sb_port."""

    OUTSIDE = 0
    INSIDE = 1


class Verdict(enum.IntEnum):
    """enum sb_verdict."""

    PASS = 0
    DROP = 1
    CONSUMED = 2
    HELD = 3


class Mode(enum.IntEnum):
    """enum sb_mode."""

    OFF = 0
    MONITOR = 1
    ENFORCE = 2


class Stage(enum.IntEnum):
    """enum sb_stage."""

    PARSE = 0
    PROFILE = 1
    SANITY = 2
    OWNER = 3
    LISTS = 4
    COUNTRY = 5
    FILTER = 6
    LIMITS = 7
    CONNECTIONS = 8
    FORWARD = 9


class Reason(enum.IntEnum):
    """enum sb_reason."""

    NONE = 0
    ETHERNET_TRUNCATED = 1
    VLAN_DEPTH = 2
    IP_TRUNCATED = 3
    IP_VERSION = 4
    IP_HEADER_LENGTH = 5
    IP_LENGTH = 6
    IP_CHECKSUM = 7
    IPV6_EXTENSION = 8
    FRAGMENT = 9
    L4_TRUNCATED = 10
    TCP_HEADER_LENGTH = 11
    TCP_FLAGS = 12
    UDP_LENGTH = 13
    LAND = 14
    SOURCE_MULTICAST = 15
    SOURCE_BROADCAST = 16
    SOURCE_LOOPBACK = 17
    BLACKLIST = 18
    HEADER_SPLIT = 19
    HANDOVER_FULL = 20
    TX_FULL = 21
    FRAGMENTS = 22
    PORTS_TCP = 23
    PORTS_UDP = 24
    UDP_AMPLIFICATION = 25
    ICMP_LIMIT = 26
    RATE_SOURCE_PACKETS = 27
    RATE_SOURCE_BITS = 28
    RATE_PREFIX_PACKETS = 29
    RATE_PREFIX_BITS = 30
    RATE_DESTINATION_PACKETS = 31
    RATE_DESTINATION_BITS = 32
    RATE_GLOBAL_PACKETS = 33
    RATE_GLOBAL_BITS = 34
    GEO_BLOCK = 35
    GEO_ALLOW = 36
    OUT_OF_STATE = 37
    OUT_OF_WINDOW = 38
    CONNECTIONS_FULL = 39
    CONNECTIONS_SOURCE = 40
    RATE_SOURCE_CONNECTIONS = 41
    RATE_PREFIX_CONNECTIONS = 42
    RATE_DESTINATION_CONNECTIONS = 43
    RATE_GLOBAL_CONNECTIONS = 44
    SYN_PROXY_FULL = 45


class Origin(enum.IntEnum):
    """enum sb_origin."""

    ANSWER = 0
    RETRY = 1
    RESET = 2
    OPEN = 3


class ListKind(enum.IntEnum):
    """enum sb_list."""

    BLACKLIST = 0
    ALLOWLIST = 1


class PacketFlag(enum.IntFlag):
    """enum sb_packet_flag."""

    FRAGMENT = 1
    FRAGMENT_LATER = 2
    LINK_SCOPE = 4
    CUT = 8
    CUT_SHORT = 16
    CHECKSUM_GOOD = 32
    ALLOWED = 64
    WOULD_DROP = 128
    PLAIN = 256
    ANSWER = 512


class SynProxy(enum.IntEnum):
    """enum sb_syn_proxy."""

    OFF = 0
    AUTO = 1
    ALWAYS = 2


class Scope(enum.IntEnum):
    """enum sb_scope."""

    SOURCE = 0
    PREFIX = 1
    DESTINATION = 2
    GLOBAL = 3


class Unit(enum.IntEnum):
    """enum sb_unit."""

    PACKETS = 0
    BITS = 1
    CONNECTIONS = 2


class FlowState(enum.IntEnum):
    """enum sb_flow_state."""

    SYN_SENT = 0
    SYN_RECEIVED = 1
    ESTABLISHED = 2
    HALF_CLOSED = 3
    CLOSED = 4
    RESET = 5
    PICKED_UP = 6
    ONE_WAY = 7
    TWO_WAY = 8


class Use(enum.IntEnum):
    """enum sb_use."""

    FRAGMENTS = 1
    PORTS_TCP = 2
    PORTS_UDP = 4
    REFLECTORS = 8
    LIMITS = 16
    GEO_BLOCK = 32
    GEO_ALLOW = 64


class State(enum.IntEnum):
    """enum sb_state."""

    STARTING = 0
    RUNNING = 1
    DRAINING = 2


class Degraded(enum.IntFlag):
    """enum sb_degraded."""

    STATE_LOG = 1
    REJECTED = 2
    LINK = 4
    COUNTRIES = 8


class Message(enum.IntEnum):
    """enum sb_message."""

    NONE = 0
    DOORBELL = 1
    EXPLAIN = 2
    DRAIN = 3
    DROP_SAMPLE = 4
    NOTICE = 5


class NoticeKind(enum.IntEnum):
    """enum sb_notice_kind."""

    STARTED = 0
    DRAINING = 1
    STATE_LOG_DEGRADED = 2
    STATE_LOG_RECOVERED = 3
    REJECTED = 4
    LINK_CHANGED = 5
    CLIENT_REFUSED = 6
    COUNTRIES_LOADED = 7
    COUNTRIES_REFUSED = 8
    SYN_PROXY_ON = 9
    SYN_PROXY_OFF = 10


class Packet(ctypes.Structure):
    """struct sb_packet: 64 bytes."""

    mbuf: int
    data: int
    rx_tsc: int
    length: int
    available: int
    flags: int
    port: int
    profile: int
    l3_offset: int
    l4_offset: int
    payload_offset: int
    client_offset: int
    protected_offset: int
    vlan_id: int
    vlan_count: int
    ip_version: int
    protocol: int
    anomaly: int
    verdict: int
    reason: int
    owner: int
    origin: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("mbuf", ctypes.c_uint64),  # 0
        ("data", ctypes.c_uint64),  # 8
        ("rx_tsc", ctypes.c_uint64),  # 16
        ("length", ctypes.c_uint32),  # 24
        ("available", ctypes.c_uint16),  # 28
        ("flags", ctypes.c_uint16),  # 30
        ("port", ctypes.c_uint16),  # 32
        ("profile", ctypes.c_uint16),  # 34
        ("l3_offset", ctypes.c_uint16),  # 36
        ("l4_offset", ctypes.c_uint16),  # 38
        ("payload_offset", ctypes.c_uint16),  # 40
        ("client_offset", ctypes.c_uint16),  # 42
        ("protected_offset", ctypes.c_uint16),  # 44
        ("vlan_id", ctypes.c_uint16),  # 46
        ("vlan_count", ctypes.c_uint8),  # 48
        ("ip_version", ctypes.c_uint8),  # 49
        ("protocol", ctypes.c_uint8),  # 50
        ("anomaly", ctypes.c_uint8),  # 51
        ("verdict", ctypes.c_uint8),  # 52
        ("reason", ctypes.c_uint8),  # 53
        ("owner", ctypes.c_uint16),  # 54
        ("origin", ctypes.c_uint16),  # 56
        ("reserved", ctypes.c_uint8 * 6),  # 58
    ]


class Burst(ctypes.Structure):
    """struct sb_burst: 2112 bytes."""

    count: int
    live_count: int
    live: ctypes.Array[ctypes.c_uint8]
    judged: int
    is_plain: int
    is_one_profile: int
    reserved: ctypes.Array[ctypes.c_uint8]
    packets: ctypes.Array[Packet]

    _fields_ = [
        ("count", ctypes.c_uint16),  # 0
        ("live_count", ctypes.c_uint16),  # 2
        ("live", ctypes.c_uint8 * 32),  # 4
        ("judged", ctypes.c_uint32),  # 36
        ("is_plain", ctypes.c_uint32),  # 40
        ("is_one_profile", ctypes.c_uint32),  # 44
        ("reserved", ctypes.c_uint8 * 16),  # 48
        ("packets", Packet * 32),  # 64
    ]


class Buffer(ctypes.Structure):
    """struct sb_buffer: 16 bytes."""

    mbuf: int
    data: int

    _fields_ = [
        ("mbuf", ctypes.c_uint64),  # 0
        ("data", ctypes.c_uint64),  # 8
    ]


class Outbox(ctypes.Structure):
    """struct sb_outbox: 17416 bytes."""

    buffer_count: int
    packet_count: int
    buffer: ctypes.Array[Buffer]
    packet: ctypes.Array[Packet]

    _fields_ = [
        ("buffer_count", ctypes.c_uint32),  # 0
        ("packet_count", ctypes.c_uint32),  # 4
        ("buffer", Buffer * 64),  # 8
        ("packet", Packet * 256),  # 1032
    ]


class Time(ctypes.Structure):
    """struct sb_time: 16 bytes."""

    tsc: int
    boot_ds: int
    reserved: int

    _fields_ = [
        ("tsc", ctypes.c_uint64),  # 0
        ("boot_ds", ctypes.c_uint32),  # 8
        ("reserved", ctypes.c_uint32),  # 12
    ]


class Limit(ctypes.Structure):
    """struct sb_limit: 32 bytes."""

    increment_q16: int
    burst_q16: int
    salt: int
    scope: int
    unit: int
    reason: int
    icmp_only: int
    bits_ipv4: int
    bits_ipv6: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("increment_q16", ctypes.c_uint64),  # 0
        ("burst_q16", ctypes.c_uint64),  # 8
        ("salt", ctypes.c_uint64),  # 16
        ("scope", ctypes.c_uint8),  # 24
        ("unit", ctypes.c_uint8),  # 25
        ("reason", ctypes.c_uint8),  # 26
        ("icmp_only", ctypes.c_uint8),  # 27
        ("bits_ipv4", ctypes.c_uint8),  # 28
        ("bits_ipv6", ctypes.c_uint8),  # 29
        ("reserved", ctypes.c_uint8 * 2),  # 30
    ]


class PortRange(ctypes.Structure):
    """struct sb_port_range: 4 bytes."""

    first: int
    last: int

    _fields_ = [
        ("first", ctypes.c_uint16),  # 0
        ("last", ctypes.c_uint16),  # 2
    ]


class PortRule(ctypes.Structure):
    """struct sb_port_rule: 132 bytes."""

    count: int
    is_deny: int
    range: ctypes.Array[PortRange]

    _fields_ = [
        ("count", ctypes.c_uint16),  # 0
        ("is_deny", ctypes.c_uint16),  # 2
        ("range", PortRange * 32),  # 4
    ]


class Reflector(ctypes.Structure):
    """struct sb_reflector: 4 bytes."""

    port: int
    size_min: int

    _fields_ = [
        ("port", ctypes.c_uint16),  # 0
        ("size_min", ctypes.c_uint16),  # 2
    ]


class FlowTimeouts(ctypes.Structure):
    """struct sb_flow_timeouts: 36 bytes."""

    ds: ctypes.Array[ctypes.c_uint32]

    _fields_ = [
        ("ds", ctypes.c_uint32 * 9),  # 0
    ]


class Profile(ctypes.Structure):
    """struct sb_profile: 1152 bytes."""

    mode: ctypes.Array[ctypes.c_uint8]
    uses: int
    limit_count: int
    reflector_count: int
    connections_max: int
    syn_proxy: int
    syn_rate: int
    limit: ctypes.Array[Limit]
    ports_tcp: PortRule
    ports_udp: PortRule
    reflector: ctypes.Array[Reflector]
    geo_block: ctypes.Array[ctypes.c_uint64]
    geo_allow: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("mode", ctypes.c_uint8 * 64),  # 0
        ("uses", ctypes.c_uint32),  # 64
        ("limit_count", ctypes.c_uint32),  # 68
        ("reflector_count", ctypes.c_uint32),  # 72
        ("connections_max", ctypes.c_uint32),  # 76
        ("syn_proxy", ctypes.c_uint32),  # 80
        ("syn_rate", ctypes.c_uint32),  # 84
        ("limit", Limit * 10),  # 88
        ("ports_tcp", PortRule),  # 408
        ("ports_udp", PortRule),  # 540
        ("reflector", Reflector * 64),  # 672
        ("geo_block", ctypes.c_uint64 * 11),  # 928
        ("geo_allow", ctypes.c_uint64 * 11),  # 1016
        ("_padding_1104", ctypes.c_uint8 * 48),  # 1104
    ]


class PortStats(ctypes.Structure):
    """struct sb_port_stats: 424 bytes."""

    received: int
    received_bytes: int
    forwarded: int
    forwarded_bytes: int
    consumed: int
    held_now: int
    dropped: ctypes.Array[ctypes.c_uint64]
    dropped_bytes: int

    _fields_ = [
        ("received", ctypes.c_uint64),  # 0
        ("received_bytes", ctypes.c_uint64),  # 8
        ("forwarded", ctypes.c_uint64),  # 16
        ("forwarded_bytes", ctypes.c_uint64),  # 24
        ("consumed", ctypes.c_uint64),  # 32
        ("held_now", ctypes.c_uint64),  # 40
        ("dropped", ctypes.c_uint64 * 46),  # 48
        ("dropped_bytes", ctypes.c_uint64),  # 416
    ]


class StageStats(ctypes.Structure):
    """struct sb_stage_stats: 32 bytes."""

    packets: int
    dropped: int
    sampled_packets: int
    sampled_cycles: int

    _fields_ = [
        ("packets", ctypes.c_uint64),  # 0
        ("dropped", ctypes.c_uint64),  # 8
        ("sampled_packets", ctypes.c_uint64),  # 16
        ("sampled_cycles", ctypes.c_uint64),  # 24
    ]


class OriginStats(ctypes.Structure):
    """struct sb_origin_stats: 24 bytes."""

    originated: int
    sent: int
    tx_full: int

    _fields_ = [
        ("originated", ctypes.c_uint64),  # 0
        ("sent", ctypes.c_uint64),  # 8
        ("tx_full", ctypes.c_uint64),  # 16
    ]


class ConnectionStats(ctypes.Structure):
    """struct sb_connection_stats: 72 bytes."""

    active: int
    proven: int
    opened: int
    expired: int
    evicted: int
    untracked: int
    opening: int
    accepted: int
    failed: int

    _fields_ = [
        ("active", ctypes.c_uint64),  # 0
        ("proven", ctypes.c_uint64),  # 8
        ("opened", ctypes.c_uint64),  # 16
        ("expired", ctypes.c_uint64),  # 24
        ("evicted", ctypes.c_uint64),  # 32
        ("untracked", ctypes.c_uint64),  # 40
        ("opening", ctypes.c_uint64),  # 48
        ("accepted", ctypes.c_uint64),  # 56
        ("failed", ctypes.c_uint64),  # 64
    ]


class ProfileStats(ctypes.Structure):
    """struct sb_profile_stats: 1104 bytes."""

    count: ctypes.Array[ctypes.Array[ctypes.c_uint64]]

    _fields_ = [
        ("count", (ctypes.c_uint64 * 3) * 46),  # 0
    ]


class ProfileLabel(ctypes.Structure):
    """struct sb_profile_label: 64 bytes."""

    name: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("name", ctypes.c_uint8 * 64),  # 0
    ]


class LcoreStats(ctypes.Structure):
    """struct sb_lcore_stats: 2265088 bytes."""

    heartbeat: int
    busy_cycles: int
    total_cycles: int
    misrouted: int
    handover_lost: int
    events_lost: int
    latency_count: int
    latency_sum_ns: int
    latency_bucket: ctypes.Array[ctypes.c_uint64]
    connections: ConnectionStats
    port: ctypes.Array[PortStats]
    stage: ctypes.Array[StageStats]
    origin: ctypes.Array[OriginStats]
    profile: ctypes.Array[ProfileStats]

    _fields_ = [
        ("heartbeat", ctypes.c_uint64),  # 0
        ("busy_cycles", ctypes.c_uint64),  # 8
        ("total_cycles", ctypes.c_uint64),  # 16
        ("misrouted", ctypes.c_uint64),  # 24
        ("handover_lost", ctypes.c_uint64),  # 32
        ("events_lost", ctypes.c_uint64),  # 40
        ("latency_count", ctypes.c_uint64),  # 48
        ("latency_sum_ns", ctypes.c_uint64),  # 56
        ("latency_bucket", ctypes.c_uint64 * 20),  # 64
        ("connections", ConnectionStats),  # 224
        ("port", PortStats * 2),  # 296
        ("stage", StageStats * 10),  # 1144
        ("origin", OriginStats * 4),  # 1464
        ("profile", ProfileStats * 2048),  # 1560
        ("_padding_2262552", ctypes.c_uint8 * 2536),  # 2262552
    ]


class DeviceStats(ctypes.Structure):
    """struct sb_device_stats: 48 bytes."""

    missed: int
    errors: int
    no_mbuf: int
    tx_errors: int
    link_up: int
    speed_mbps: int

    _fields_ = [
        ("missed", ctypes.c_uint64),  # 0
        ("errors", ctypes.c_uint64),  # 8
        ("no_mbuf", ctypes.c_uint64),  # 16
        ("tx_errors", ctypes.c_uint64),  # 24
        ("link_up", ctypes.c_uint64),  # 32
        ("speed_mbps", ctypes.c_uint64),  # 40
    ]


class Rejected(ctypes.Structure):
    """struct sb_rejected: 48 bytes."""

    revision: int
    error: int
    key: ctypes.Array[ctypes.c_uint8]
    prefix_length: int
    list: int

    _fields_ = [
        ("revision", ctypes.c_uint64),  # 0
        ("error", ctypes.c_uint64),  # 8
        ("key", ctypes.c_uint8 * 16),  # 16
        ("prefix_length", ctypes.c_uint64),  # 32
        ("list", ctypes.c_uint64),  # 40
    ]


class StatsHeader(ctypes.Structure):
    """struct sb_stats_header: 147456 bytes."""

    magic: int
    abi_hash: ctypes.Array[ctypes.c_uint8]
    boot_id: ctypes.Array[ctypes.c_uint8]
    database_id: ctypes.Array[ctypes.c_uint8]
    applied_through: int
    loading: int
    state: int
    degraded: int
    heartbeat_boot_ms: int
    started_boot_ms: int
    pid: int
    tsc_hz: int
    lcore_count: int
    profile_count: int
    syn_proxy_profiles: int
    hugepages: int
    addresses_max: int
    addresses_used: int
    prefixes_max: int
    prefixes_used_ipv4: int
    prefixes_used_ipv6: int
    connections_max: int
    mbufs_max: int
    mbufs_used: int
    cpu_busy_ppm: int
    latency_mean_ns: int
    memory_bytes: int
    events_lost: int
    countries_date: int
    countries_ranges_ipv4: int
    countries_ranges_ipv6: int
    countries_bytes: int
    rejected_count: int
    rejected: ctypes.Array[Rejected]
    device: ctypes.Array[DeviceStats]
    profile_version: int
    profile_label: ctypes.Array[ProfileLabel]
    profile_removed: ProfileStats

    _fields_ = [
        ("magic", ctypes.c_uint64),  # 0
        ("abi_hash", ctypes.c_uint8 * 32),  # 8
        ("boot_id", ctypes.c_uint8 * 16),  # 40
        ("database_id", ctypes.c_uint8 * 16),  # 56
        ("applied_through", ctypes.c_uint64),  # 72
        ("loading", ctypes.c_uint64),  # 80
        ("state", ctypes.c_uint64),  # 88
        ("degraded", ctypes.c_uint64),  # 96
        ("heartbeat_boot_ms", ctypes.c_uint64),  # 104
        ("started_boot_ms", ctypes.c_uint64),  # 112
        ("pid", ctypes.c_uint64),  # 120
        ("tsc_hz", ctypes.c_uint64),  # 128
        ("lcore_count", ctypes.c_uint64),  # 136
        ("profile_count", ctypes.c_uint64),  # 144
        ("syn_proxy_profiles", ctypes.c_uint64),  # 152
        ("hugepages", ctypes.c_uint64),  # 160
        ("addresses_max", ctypes.c_uint64),  # 168
        ("addresses_used", ctypes.c_uint64),  # 176
        ("prefixes_max", ctypes.c_uint64),  # 184
        ("prefixes_used_ipv4", ctypes.c_uint64),  # 192
        ("prefixes_used_ipv6", ctypes.c_uint64),  # 200
        ("connections_max", ctypes.c_uint64),  # 208
        ("mbufs_max", ctypes.c_uint64),  # 216
        ("mbufs_used", ctypes.c_uint64),  # 224
        ("cpu_busy_ppm", ctypes.c_uint64),  # 232
        ("latency_mean_ns", ctypes.c_uint64),  # 240
        ("memory_bytes", ctypes.c_uint64),  # 248
        ("events_lost", ctypes.c_uint64),  # 256
        ("countries_date", ctypes.c_uint64),  # 264
        ("countries_ranges_ipv4", ctypes.c_uint64),  # 272
        ("countries_ranges_ipv6", ctypes.c_uint64),  # 280
        ("countries_bytes", ctypes.c_uint64),  # 288
        ("rejected_count", ctypes.c_uint64),  # 296
        ("rejected", Rejected * 256),  # 304
        ("device", DeviceStats * 2),  # 12592
        ("profile_version", ctypes.c_uint64),  # 12688
        ("profile_label", ProfileLabel * 2048),  # 12696
        ("profile_removed", ProfileStats),  # 143768
        ("_padding_144872", ctypes.c_uint8 * 2584),  # 144872
    ]


class Stats(ctypes.Structure):
    """struct sb_stats: 36388864 bytes."""

    header: StatsHeader
    lcore: ctypes.Array[LcoreStats]

    _fields_ = [
        ("header", StatsHeader),  # 0
        ("lcore", LcoreStats * 16),  # 147456
    ]


class RingElement(ctypes.Structure):
    """struct sb_ring_element: 64 bytes."""

    sequence: int
    kind: int
    reserved: int
    payload: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("sequence", ctypes.c_uint64),  # 0
        ("kind", ctypes.c_uint32),  # 8
        ("reserved", ctypes.c_uint32),  # 12
        ("payload", ctypes.c_uint8 * 48),  # 16
    ]


class RingProducer(ctypes.Structure):
    """struct sb_ring_producer: 69632 bytes."""

    cursor: int
    reserved: ctypes.Array[ctypes.c_uint8]
    slots: ctypes.Array[RingElement]

    _fields_ = [
        ("cursor", ctypes.c_uint64),  # 0
        ("reserved", ctypes.c_uint8 * 4088),  # 8
        ("slots", RingElement * 1024),  # 4096
    ]


class RingConsumer(ctypes.Structure):
    """struct sb_ring_consumer: 4096 bytes."""

    cursor: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("cursor", ctypes.c_uint64),  # 0
        ("reserved", ctypes.c_uint8 * 4088),  # 8
    ]


class Doorbell(ctypes.Structure):
    """struct sb_doorbell: 48 bytes."""

    revision: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("revision", ctypes.c_uint64),  # 0
        ("reserved", ctypes.c_uint8 * 40),  # 8
    ]


class Explain(ctypes.Structure):
    """struct sb_explain: 48 bytes."""

    id: int
    deadline_boot_ms: int
    key: ctypes.Array[ctypes.c_uint8]
    prefix_length: int
    list: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("id", ctypes.c_uint64),  # 0
        ("deadline_boot_ms", ctypes.c_uint64),  # 8
        ("key", ctypes.c_uint8 * 16),  # 16
        ("prefix_length", ctypes.c_uint8),  # 32
        ("list", ctypes.c_uint8),  # 33
        ("reserved", ctypes.c_uint8 * 14),  # 34
    ]


class Explained(ctypes.Structure):
    """struct sb_explained: 48 bytes."""

    id: int
    hits: int
    deadline_ds: int
    found: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("id", ctypes.c_uint64),  # 0
        ("hits", ctypes.c_uint64),  # 8
        ("deadline_ds", ctypes.c_uint32),  # 16
        ("found", ctypes.c_uint32),  # 20
        ("reserved", ctypes.c_uint8 * 24),  # 24
    ]


class DropSample(ctypes.Structure):
    """struct sb_drop_sample: 48 bytes."""

    boot_ds: int
    client: ctypes.Array[ctypes.c_uint8]
    protected_address: ctypes.Array[ctypes.c_uint8]
    profile: int
    reason: int
    mode: int
    port: int
    protocol: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("boot_ds", ctypes.c_uint64),  # 0
        ("client", ctypes.c_uint8 * 16),  # 8
        ("protected_address", ctypes.c_uint8 * 16),  # 24
        ("profile", ctypes.c_uint16),  # 40
        ("reason", ctypes.c_uint8),  # 42
        ("mode", ctypes.c_uint8),  # 43
        ("port", ctypes.c_uint8),  # 44
        ("protocol", ctypes.c_uint8),  # 45
        ("reserved", ctypes.c_uint8 * 2),  # 46
    ]


class Notice(ctypes.Structure):
    """struct sb_notice: 48 bytes."""

    boot_ms: int
    notice: int
    value: int
    address: ctypes.Array[ctypes.c_uint8]
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("boot_ms", ctypes.c_uint64),  # 0
        ("notice", ctypes.c_uint64),  # 8
        ("value", ctypes.c_uint64),  # 16
        ("address", ctypes.c_uint8 * 16),  # 24
        ("reserved", ctypes.c_uint8 * 8),  # 40
    ]


class ListRecord(ctypes.Structure):
    """struct sb_list_record: 24 bytes."""

    key: ctypes.Array[ctypes.c_uint8]
    deadline_ds: int
    prefix_length: int
    list: int
    result: int

    _fields_ = [
        ("key", ctypes.c_uint8 * 16),  # 0
        ("deadline_ds", ctypes.c_uint32),  # 16
        ("prefix_length", ctypes.c_uint8),  # 20
        ("list", ctypes.c_uint8),  # 21
        ("result", ctypes.c_int16),  # 22
    ]


class ListEntry(ctypes.Structure):
    """struct sb_list_entry: 16 bytes."""

    hits: int
    deadline_ds: int
    found: int

    _fields_ = [
        ("hits", ctypes.c_uint64),  # 0
        ("deadline_ds", ctypes.c_uint32),  # 8
        ("found", ctypes.c_uint32),  # 12
    ]


class ListsUsage(ctypes.Structure):
    """struct sb_lists_usage: 48 bytes."""

    addresses_max: int
    addresses_used: int
    prefixes_max: int
    prefixes_used_ipv4: int
    prefixes_used_ipv6: int
    bytes: int

    _fields_ = [
        ("addresses_max", ctypes.c_uint64),  # 0
        ("addresses_used", ctypes.c_uint64),  # 8
        ("prefixes_max", ctypes.c_uint64),  # 16
        ("prefixes_used_ipv4", ctypes.c_uint64),  # 24
        ("prefixes_used_ipv6", ctypes.c_uint64),  # 32
        ("bytes", ctypes.c_uint64),  # 40
    ]


class CountryRange(ctypes.Structure):
    """struct sb_country_range: 24 bytes."""

    hi: int
    lo: int
    country: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("hi", ctypes.c_uint64),  # 0
        ("lo", ctypes.c_uint64),  # 8
        ("country", ctypes.c_uint16),  # 16
        ("reserved", ctypes.c_uint8 * 6),  # 18
    ]


class ReplayRecord(ctypes.Structure):
    """struct sb_replay_record: 32 bytes."""

    timestamp_ns: int
    offset: int
    captured: int
    length: int

    _fields_ = [
        ("timestamp_ns", ctypes.c_uint64),  # 0
        ("offset", ctypes.c_uint64),  # 8
        ("captured", ctypes.c_uint64),  # 16
        ("length", ctypes.c_uint64),  # 24
    ]


class ReplayPrefix(ctypes.Structure):
    """struct sb_replay_prefix: 32 bytes."""

    key: ctypes.Array[ctypes.c_uint8]
    mask: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("key", ctypes.c_uint8 * 16),  # 0
        ("mask", ctypes.c_uint8 * 16),  # 16
    ]


class Replay(ctypes.Structure):
    """struct sb_replay: 112 bytes."""

    lcore: int
    prefixes: int
    prefix_count: int
    started: int
    first_ns: int
    clock_ns: int
    backwards: int
    inside_both: int
    inside_neither: int
    no_address: int
    cut: int
    cut_short: int
    link_scope: int
    allowed: int

    _fields_ = [
        ("lcore", ctypes.c_uint64),  # 0
        ("prefixes", ctypes.c_uint64),  # 8
        ("prefix_count", ctypes.c_uint64),  # 16
        ("started", ctypes.c_uint64),  # 24
        ("first_ns", ctypes.c_uint64),  # 32
        ("clock_ns", ctypes.c_uint64),  # 40
        ("backwards", ctypes.c_uint64),  # 48
        ("inside_both", ctypes.c_uint64),  # 56
        ("inside_neither", ctypes.c_uint64),  # 64
        ("no_address", ctypes.c_uint64),  # 72
        ("cut", ctypes.c_uint64),  # 80
        ("cut_short", ctypes.c_uint64),  # 88
        ("link_scope", ctypes.c_uint64),  # 96
        ("allowed", ctypes.c_uint64),  # 104
    ]


class Reader(ctypes.Structure):
    """struct sb_reader: 64 bytes."""

    quiescent: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("quiescent", ctypes.c_uint64),  # 0
        ("reserved", ctypes.c_uint8 * 56),  # 8
    ]


class Readers(ctypes.Structure):
    """struct sb_readers: 1088 bytes."""

    count: int
    reserved: ctypes.Array[ctypes.c_uint8]
    reader: ctypes.Array[Reader]

    _fields_ = [
        ("count", ctypes.c_uint64),  # 0
        ("reserved", ctypes.c_uint8 * 56),  # 8
        ("reader", Reader * 16),  # 64
    ]


class Node(ctypes.Structure):
    """struct sb_node: 1184 bytes."""

    lists: int
    policy: int
    countries: int
    owner_key: ctypes.Array[ctypes.c_uint64]
    lcore_count: int
    boot_ds: int
    stop: int
    ns_per_tsc_q24: int
    learning_until_ds: int
    cookie_slot: int
    cookie_key: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    readers: Readers

    _fields_ = [
        ("lists", ctypes.c_uint64),  # 0
        ("policy", ctypes.c_uint64),  # 8
        ("countries", ctypes.c_uint64),  # 16
        ("owner_key", ctypes.c_uint64 * 2),  # 24
        ("lcore_count", ctypes.c_uint32),  # 40
        ("boot_ds", ctypes.c_uint32),  # 44
        ("stop", ctypes.c_uint32),  # 48
        ("ns_per_tsc_q24", ctypes.c_uint32),  # 52
        ("learning_until_ds", ctypes.c_uint32),  # 56
        ("cookie_slot", ctypes.c_uint32),  # 60
        ("cookie_key", (ctypes.c_uint64 * 2) * 2),  # 64
        ("readers", Readers),  # 96
    ]


class Lcore(ctypes.Structure):
    """struct sb_lcore: 608 bytes."""

    node: int
    stats: int
    events: int
    events_consumer: int
    limits: int
    flows: int
    syn_proxy: int
    outbox: int
    pool: int
    policy: int
    index: int
    port_id: ctypes.Array[ctypes.c_uint16]
    handover_in: ctypes.Array[ctypes.c_uint64]
    handover_out: ctypes.Array[ctypes.c_uint64]
    sample_ds: ctypes.Array[ctypes.c_uint32]
    bursts: int

    _fields_ = [
        ("node", ctypes.c_uint64),  # 0
        ("stats", ctypes.c_uint64),  # 8
        ("events", ctypes.c_uint64),  # 16
        ("events_consumer", ctypes.c_uint64),  # 24
        ("limits", ctypes.c_uint64),  # 32
        ("flows", ctypes.c_uint64),  # 40
        ("syn_proxy", ctypes.c_uint64),  # 48
        ("outbox", ctypes.c_uint64),  # 56
        ("pool", ctypes.c_uint64),  # 64
        ("policy", ctypes.c_uint64),  # 72
        ("index", ctypes.c_uint32),  # 80
        ("port_id", ctypes.c_uint16 * 2),  # 84
        ("handover_in", ctypes.c_uint64 * 16),  # 88
        ("handover_out", ctypes.c_uint64 * 16),  # 216
        ("sample_ds", ctypes.c_uint32 * 64),  # 344
        ("bursts", ctypes.c_uint64),  # 600
    ]


REASON_TEXT: dict[Reason, str] = {
    Reason.NONE: "forwarded: no reason to drop",
    Reason.ETHERNET_TRUNCATED: "frame ends inside its Ethernet or VLAN header",
    Reason.VLAN_DEPTH: "more than two VLAN tags",
    Reason.IP_TRUNCATED: "frame ends inside its IP header",
    Reason.IP_VERSION: "IP version differs from what the EtherType says",
    Reason.IP_HEADER_LENGTH: "IPv4 header length below 20 bytes or beyond its total length",
    Reason.IP_LENGTH: "IP length field larger than the frame or smaller than the headers",
    Reason.IP_CHECKSUM: "IPv4 header checksum is wrong",
    Reason.IPV6_EXTENSION: "IPv6 extension headers malformed, out of bounds or more than eight",
    Reason.FRAGMENT: "fragment that ends beyond 65,535 bytes, is empty, or hides the transport header",
    Reason.L4_TRUNCATED: "packet ends inside its TCP, UDP, ICMP or ICMPv6 header",
    Reason.TCP_HEADER_LENGTH: "TCP data offset below 20 bytes or beyond the packet",
    Reason.TCP_FLAGS: "TCP flags that no stack sends together (SYN+FIN, SYN+RST, FIN+RST, none of SYN, RST and ACK)",
    Reason.UDP_LENGTH: "UDP length below 8 bytes or beyond the packet",
    Reason.LAND: "source and destination address are the same (land)",
    Reason.SOURCE_MULTICAST: "source is a multicast address",
    Reason.SOURCE_BROADCAST: "source is the limited broadcast address",
    Reason.SOURCE_LOOPBACK: "source is a loopback address",
    Reason.BLACKLIST: "source is on the blacklist",
    Reason.HEADER_SPLIT: "headers do not lie in the first buffer segment",
    Reason.HANDOVER_FULL: "ring to the lcore that owns the client is full",
    Reason.TX_FULL: "transmit queue of the other port is full",
    Reason.FRAGMENTS: "packet is a fragment, and the profile takes none",
    Reason.PORTS_TCP: "destination port is none that the profile takes for TCP",
    Reason.PORTS_UDP: "destination port is none that the profile takes for UDP",
    Reason.UDP_AMPLIFICATION: "answer of a UDP reflector: its port, and a size to match",
    Reason.ICMP_LIMIT: "more ICMP than the profile's limit",
    Reason.RATE_SOURCE_PACKETS: "more packets than the limit of one source",
    Reason.RATE_SOURCE_BITS: "more bits than the limit of one source",
    Reason.RATE_PREFIX_PACKETS: "more packets than the limit of one source prefix",
    Reason.RATE_PREFIX_BITS: "more bits than the limit of one source prefix",
    Reason.RATE_DESTINATION_PACKETS: "more packets than the limit of one destination",
    Reason.RATE_DESTINATION_BITS: "more bits than the limit of one destination",
    Reason.RATE_GLOBAL_PACKETS: "more packets than the limit of the profile",
    Reason.RATE_GLOBAL_BITS: "more bits than the limit of the profile",
    Reason.GEO_BLOCK: "source is in a country that the profile blocks",
    Reason.GEO_ALLOW: "source is in no country that the profile allows",
    Reason.OUT_OF_STATE: "belongs to no connection that the node knows",
    Reason.OUT_OF_WINDOW: "TCP segment outside of what its connection can send or acknowledge",
    Reason.CONNECTIONS_FULL: "new connection, and no place to track it: all around are proven",
    Reason.CONNECTIONS_SOURCE: "new connection of a source that has as many as the profile allows",
    Reason.RATE_SOURCE_CONNECTIONS: "more new connections than the limit of one source",
    Reason.RATE_PREFIX_CONNECTIONS: "more new connections than the limit of one source prefix",
    Reason.RATE_DESTINATION_CONNECTIONS: "more new connections than the limit of one destination",
    Reason.RATE_GLOBAL_CONNECTIONS: "more new connections than the limit of the profile",
    Reason.SYN_PROXY_FULL: "SYN proxy: more connections are being opened, or packets held for them, than there is room for",
}

STAGE_TEXT: dict[Stage, str] = {
    Stage.PARSE: "find the headers",
    Stage.PROFILE: "select the profile of the protected address",
    Stage.SANITY: "drop what no honest stack sends",
    Stage.OWNER: "hand over to the lcore that owns the client",
    Stage.LISTS: "allowlist and blacklist",
    Stage.COUNTRY: "countries, blocked or allowed",
    Stage.FILTER: "fragments, ports and reflectors",
    Stage.LIMITS: "token buckets of sources, prefixes, destinations and profiles",
    Stage.CONNECTIONS: "follow connections, refuse what belongs to none",
    Stage.FORWARD: "to the other port",
}
