"""Structures, enums and constants; generated from ``fastpath/include/abi.h``.

Do not edit: change the header, then ``make -C dataplane/fastpath abi``.
"""

from __future__ import annotations

import ctypes
import enum

ABI_HASH = "308a3404dfa3f17fdc074909d0b9575cd04b941dfe4532316976e651290b9480"

ABI_VERSION = 1
CACHE_LINE = 64
PAGE = 4096
BURST_MAX = 32
LCORES_MAX = 16
REASONS_MAX = 256
PROFILES_MAX = 2048
POLICY_PROFILES_MAX = 1000
PROFILE_NAME = 64
PROFILE_TARGETS_MAX = 64
TARGETS_MAX = 65536
LIMITS_MAX = 13
REQUEST_PATHS_MAX = 16
REQUEST_LIMITS_MAX = 20
REQUEST_PATH = 64
LIMIT_BURST_S_MAX = 64
PORT_RANGES_MAX = 32
REFLECTORS_MAX = 64
HTTP_PORTS_MAX = 16
HTTP_BODY_LIMIT = 65536
HTTP_BODY_LIMIT_MAX = 1048576
COUNTRY_MAX = 676
PROTOCOL_WORDS = 4
COUNTRY_WORDS = 11
COUNTRY_RANGES_MAX = 1048576
LINK_CONTROL_PPS_MAX = 10000
LINK_OTHER_PPS_MAX = 1000
MPLS_LABELS_MAX = 16
NEIGHBORS_MAX = 256
NEIGHBOR_PPS_MAX = 10000
RING_SLOTS = 1024
LATENCY_BUCKETS = 21
REJECTED_MAX = 256
REJECTED_TEXT = 200
PROTECTED_SHOWN = 32
MOST_HIT_MAX = 1000
SAMPLED_BURSTS = 64
COOKIE_SLOT_S = 64
COOKIE_EPOCH = 64
HANDOVER_SLOTS = 1024
OUTBOX_BUFFERS = 64
RELEASED_MAX = 256
OWN_HEADERS_MAX = 128
OWN_PAYLOAD_MAX = 496
OWN_FRAME_MAX = 624
SYN_RATE_DEFAULT = 1000
SYN_UNANSWERED_MIN = 100
SYN_PROXY_HOLD_DS = 300
PATH_MTU_PER_S = 1000
HELD_MAX = 4
OPENINGS_MAX = 65536
FLOWS_MAX = 16777216
FLOW_TIMEOUT_DS_MAX = 864000
FLOW_UNPROVEN_DS_MAX = 1200
FLOW_SWEEP_DS = 100
HTTP_POOL_STEP = 2097152
HTTP_STRANGER = 4294967295
HTTP_UNTRACKED = 4294967294
RULES_MAX = 65536
RULE_NAMES_MAX = 8
RULE_PROFILES_MAX = 32
RULE_GROUPS_MAX = 128
RULE_GROUP_WORDS = 2
RULE_GROUP_NAME = 64
EVIDENCE_MAX = 4096
EVIDENCE_TEXT = 216
DEADLINE_NEVER = 2147483647
PORT_COUNT = 2
VERDICT_COUNT = 5
MODE_COUNT = 3
STAGE_COUNT = 11
REASON_HTTP_HEADER_COUNT = 72
REASON_COUNT = 123
LINK_COUNT = 35
NEIGHBOR_COUNT = 9
ENCAPSULATION_COUNT = 4
INSIDE_COUNT = 3
ORIGIN_COUNT = 5
LIST_COUNT = 2
SYN_PROXY_COUNT = 3
SCOPE_COUNT = 4
UNIT_COUNT = 4
FLOW_STATE_COUNT = 9
DESTINATIONS_MAX = 1048576
SAMPLES_MAX = 16384
CAPTURES_MAX = 1024
CAPTURE_BYTES = 192
CANDIDATES_MAX = 256
FOLLOWED_MAX = 64
NODE_TOP_MAX = 256
TOP_MAX = 64
TOP_PORTS_MAX = 32
DISTINCT_MAX = 1024
EVIDENCE_SAMPLES_MAX = 64
SIZE_CLASSES = 8
TRAFFIC_COUNT = 14
INCIDENTS_MAX = 256
INCIDENTS_ACTIVE_MAX = 64
INCIDENT_SOURCES = 10
INCIDENT_RANKS = 8
TOP_SHOWN_MAX = 32
DETECTION_BUCKETS = 12
BASELINE_PROFILES = 64
BASELINE_MS = 10000
ATTACK_COUNT = 20
METRIC_COUNT = 14
TARGET_COUNT = 4
INCIDENT_STATE_COUNT = 2
INCIDENT_END_COUNT = 6
INCIDENT_ACTION_COUNT = 4
RESPONSE_COUNT = 4
WAF_CLASS_COUNT = 7
WAF_ACTION_COUNT = 2
SEVERITY_COUNT = 4
WAF_RESULT_COUNT = 3
HTTP_UNINSPECTED_COUNT = 9
HTTP_SLOW_COUNT = 3
HTTP_STATUS_CLASSES = 6
LINKS_STATE_COUNT = 5
STATE_COUNT = 3
DRAIN_STATE_COUNT = 4
REJECTED_COUNT = 6
MESSAGE_COUNT = 7
NOTICE_COUNT = 17
EXPLAIN_BY_DESTINATION = 65535
EXPLAINED_FINDINGS_MAX = 16
EXPLAINED_ENTRIES_MAX = 16
EXPLAINED_PART = 40
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
    300_000,
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
    HANDED_OVER = 4


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
    HTTP = 9
    FORWARD = 10


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
    TCP_CHECKSUM = 45
    SOURCE_LINK_LOCAL = 46
    SOURCE_UNUSABLE = 47
    SOURCE_ROUTE = 48
    ICMP_REDIRECT = 49
    SYN_PROXY_NO_COOKIE = 50
    SYN_PROXY_FULL = 51
    LINK_LIMIT = 52
    NON_IP_LIMIT = 53
    ETHERTYPES = 54
    PROTOCOLS = 55
    BOGONS = 56
    WAF_RULE = 57
    HTTP_OTHER = 58
    HTTP_PREFACE = 59
    HTTP_LEADING = 60
    HTTP_LINE_END = 61
    HTTP_REQUEST_LINE = 62
    HTTP_METHOD = 63
    HTTP_CONNECT = 64
    HTTP_TARGET = 65
    HTTP_TARGET_FORM = 66
    HTTP_TARGET_FRAGMENT = 67
    HTTP_PROTOCOL = 68
    HTTP_VERSION = 69
    HTTP_LINE_SIZE = 70
    HTTP_HEAD_SIZE = 71
    HTTP_HEADER_COUNT = 72
    HTTP_HEADER_NAME = 73
    HTTP_HEADER_COLON = 74
    HTTP_HEADER_FOLD = 75
    HTTP_HEADER_VALUE = 76
    HTTP_HOST_MISSING = 77
    HTTP_HOST_REPEATED = 78
    HTTP_HOST_INVALID = 79
    HTTP_HOST_DIFFERS = 80
    HTTP_CONTENT_LENGTH = 81
    HTTP_CONTENT_LENGTH_REPEATED = 82
    HTTP_TRANSFER_ENCODING = 83
    HTTP_LENGTH_AND_CHUNKED = 84
    HTTP_CHUNKED_IN_1_0 = 85
    HTTP_UPGRADE = 86
    HTTP_EXPECT = 87
    HTTP_CONTENT_TYPE = 88
    HTTP_CONTENT_ENCODING = 89
    HTTP_CHUNK = 90
    HTTP_CHUNK_EXTENSION = 91
    HTTP_TRAILERS = 92
    HTTP_TRAILER = 93
    HTTP_AFTER_CLOSE = 94
    HTTP_UNPARSED = 95
    HTTP_MULTIPART_BOUNDARY = 96
    HTTP_MULTIPART_END = 97
    HTTP_MULTIPART_ENCODING = 98
    HTTP_MULTIPART_SYNTAX = 99
    HTTP_BODY_CHARSET = 100
    HTTP_PATH_ESCAPE = 101
    HTTP_PATH_ROOT = 102
    HTTP_FRAGMENT = 103
    HTTP_URGENT = 104
    HTTP_SYN_DATA = 105
    HTTP_SEQUENCE = 106
    HTTP_RETRANSMISSION = 107
    HTTP_UNINSPECTED = 108
    RATE_SOURCE_REQUESTS = 109
    RATE_PREFIX_REQUESTS = 110
    RATE_DESTINATION_REQUESTS = 111
    RATE_GLOBAL_REQUESTS = 112
    RATE_PATH_REQUESTS = 113
    HTTP_SLOW_HEAD = 114
    HTTP_SLOW_BODY = 115
    HTTP_SLOW_READ = 116
    HTTP_CHECKSUM = 117
    HTTP_POOL = 118
    HTTP_BODY_OF_GET = 119
    CONNECTIONS_SHARE = 120
    INNER_MALFORMED = 121
    INNER_REFUSED = 122


class Link(enum.IntEnum):
    """enum sb_link."""

    NONE = 0
    ARP = 1
    RARP = 2
    FLOW_CONTROL = 3
    SLOW = 4
    EAPOL = 5
    LLDP = 6
    MRP = 7
    PTP = 8
    CFM = 9
    LOOPBACK = 10
    BRIDGE = 11
    ISIS = 12
    ISIS_POINT = 13
    CISCO = 14
    ND = 15
    MLD = 16
    LINK_LOCAL = 17
    IGMP = 18
    RIP = 19
    LDP = 20
    HSRP = 21
    EIGRP = 22
    OSPF = 23
    PIM = 24
    VRRP = 25
    BFD = 26
    BFD_ECHO = 27
    BFD_LAG = 28
    BGP = 29
    OTHER_LLC = 30
    OTHER_MPLS = 31
    OTHER_PPPOE = 32
    OTHER_MACSEC = 33
    OTHER_ANY = 34


class Neighbor(enum.IntEnum):
    """enum sb_neighbor."""

    BGP = 0
    BFD = 1
    OSPF = 2
    EIGRP = 3
    RIP = 4
    LDP = 5
    MSDP = 6
    PIM = 7
    VRRP = 8


class Encapsulation(enum.IntEnum):
    """enum sb_encapsulation."""

    MPLS = 0
    PPPOE = 1
    VXLAN = 2
    GRE = 3


class Inside(enum.IntEnum):
    """enum sb_inside."""

    JUDGE = 0
    PASS = 1
    REFUSE = 2


class Origin(enum.IntEnum):
    """enum sb_origin."""

    ANSWER = 0
    RETRY = 1
    RESET = 2
    OPEN = 3
    REFUSAL = 4


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
    L4_GOOD = 1024
    PATH_MTU = 2048
    REQUEST = 4096
    NEIGHBOR = 8192
    STRAY = 16384
    INNER = 32768


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
    REQUESTS = 3


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
    ETHERTYPES = 128
    PROTOCOLS = 256
    BOGONS = 512
    HTTP = 1024
    TUNNELS = 2048


class TrafficKind(enum.IntEnum):
    """enum sb_traffic_kind."""

    PACKETS = 0
    DROPPED = 1
    SYN = 2
    SYN_ACK = 3
    CONNECTION = 4
    ACK = 5
    RST = 6
    UDP = 7
    AMPLIFICATION = 8
    ICMP = 9
    FRAGMENT = 10
    MALFORMED = 11
    REQUEST = 12
    SLOW = 13


class Sampled(enum.IntFlag):
    """enum sb_sampled."""

    PACKET = 1
    SOURCE = 2


class Attack(enum.IntEnum):
    """enum sb_attack."""

    SYN_FLOOD = 0
    ACK_FLOOD = 1
    RST_FLOOD = 2
    UDP_FLOOD = 3
    DNS_AMPLIFICATION = 4
    NTP_AMPLIFICATION = 5
    MEMCACHED_AMPLIFICATION = 6
    SSDP_AMPLIFICATION = 7
    CLDAP_AMPLIFICATION = 8
    UDP_AMPLIFICATION = 9
    ICMP_FLOOD = 10
    FRAGMENT_FLOOD = 11
    MALFORMED_FLOOD = 12
    CONNECTION_FLOOD = 13
    HTTP_FLOOD = 14
    SLOWLORIS = 15
    PACKET_FLOOD = 16
    BIT_FLOOD = 17
    LINK_FLOOD = 18
    NON_IP_FLOOD = 19


class Metric(enum.IntEnum):
    """enum sb_metric."""

    SYNS = 0
    ACKS = 1
    RSTS = 2
    UDP = 3
    AMPLIFICATION = 4
    ICMP = 5
    FRAGMENTS = 6
    MALFORMED = 7
    CONNECTIONS = 8
    REQUESTS = 9
    SLOW = 10
    PACKETS = 11
    BITS = 12
    FRAMES = 13


class Target(enum.IntEnum):
    """enum sb_target."""

    ADDRESS = 0
    PREFIX = 1
    PROFILE = 2
    PORT = 3


class IncidentState(enum.IntEnum):
    """enum sb_incident_state."""

    ACTIVE = 0
    ENDED = 1


class IncidentEnd(enum.IntEnum):
    """enum sb_incident_end."""

    NONE = 0
    QUIET = 1
    POLICY = 2
    MERGED = 3
    DRAINING = 4
    FAILED = 5


class IncidentAction(enum.IntEnum):
    """enum sb_incident_action."""

    MONITORED = 0
    LIMITED = 1
    CHALLENGED = 2
    BLOCKED = 3


class Response(enum.IntEnum):
    """enum sb_response."""

    NONE = 0
    LIMIT = 1
    SYN_PROXY = 2
    BLACKLIST = 3


class WafClass(enum.IntEnum):
    """enum sb_waf_class."""

    ANY = 0
    METHOD = 1
    PATH = 2
    QUERY = 3
    HEADER = 4
    COOKIE = 5
    BODY = 6
    CLASS_COUNT = 7


class WafAction(enum.IntEnum):
    """enum sb_waf_action."""

    LOG = 0
    BLOCK = 1
    ACTION_COUNT = 2


class Severity(enum.IntEnum):
    """enum sb_severity."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2
    CRITICAL = 3


class WafResult(enum.IntEnum):
    """enum sb_waf_result."""

    LOG = 0
    MONITOR = 1
    BLOCK = 2


class HttpUninspected(enum.IntEnum):
    """enum sb_http_uninspected."""

    EARLIER = 0
    UNSEEN = 1
    NOT_HTTP = 2
    UNPARSED = 3
    WEBSOCKET = 4
    CUT_OFF = 5
    BODY_REST = 6
    NOT_READY = 7
    UNTRACKED = 8


class HttpSlow(enum.IntEnum):
    """enum sb_http_slow."""

    HEAD = 0
    BODY = 1
    READ = 2


class LinksState(enum.IntEnum):
    """enum sb_links_state."""

    SETTLING = 0
    WATCHING = 1
    LOST = 2
    HOLDING = 3
    DRAINED = 4


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
    RULES = 16
    DETECTION = 32
    LINK_HOLD = 64


class DrainState(enum.IntEnum):
    """enum sb_drain_state."""

    OFF = 0
    CONNECTIONS = 1
    TRAFFIC = 2
    COMPLETE = 3


class RulesState(enum.IntFlag):
    """enum sb_rules_state."""

    READY = 1
    BUILDING = 2
    AWAY = 4
    FULL = 8
    NO_MEMORY = 16


class RejectedKind(enum.IntEnum):
    """enum sb_rejected_kind."""

    ENTRY = 0
    POLICY = 1
    IMPORT = 2
    PREFIXES = 3
    RULE = 4
    OVERLAYS = 5


class Message(enum.IntEnum):
    """enum sb_message."""

    NONE = 0
    DOORBELL = 1
    EXPLAIN = 2
    DROP_SAMPLE = 3
    NOTICE = 4
    RULE_TRIGGERED = 5
    EXPLAIN_PACKET = 6


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
    COMPILER_LOST = 11
    COMPILER_BACK = 12
    RULES_IN_FORCE = 13
    POLICY_APPLIED = 14
    LINK_HELD = 15
    LINK_RELEASED = 16


class ExplainedFlag(enum.IntFlag):
    """enum sb_explained_flag."""

    ALLOWED = 1
    NEIGHBOR = 2
    COUNTRIES = 4
    HTTP = 8
    SYN_PROXY_ON = 16
    CONNECTIONS = 32


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
    link: int
    requests: int
    http: int

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
        ("link", ctypes.c_uint8),  # 58
        ("requests", ctypes.c_uint8),  # 59
        ("http", ctypes.c_uint32),  # 60
    ]


class Burst(ctypes.Structure):
    """struct sb_burst: 2112 bytes."""

    count: int
    live_count: int
    live: ctypes.Array[ctypes.c_uint8]
    to_judge: int
    is_plain: int
    is_one_profile: int
    http: int
    reserved: ctypes.Array[ctypes.c_uint8]
    packets: ctypes.Array[Packet]

    _fields_ = [
        ("count", ctypes.c_uint16),  # 0
        ("live_count", ctypes.c_uint16),  # 2
        ("live", ctypes.c_uint8 * 32),  # 4
        ("to_judge", ctypes.c_uint32),  # 36
        ("is_plain", ctypes.c_uint32),  # 40
        ("is_one_profile", ctypes.c_uint32),  # 44
        ("http", ctypes.c_uint32),  # 48
        ("reserved", ctypes.c_uint8 * 12),  # 52
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
    """struct sb_outbox: 21520 bytes."""

    buffer_count: int
    own_count: int
    released_count: int
    reserved: int
    buffer: ctypes.Array[Buffer]
    own: ctypes.Array[Packet]
    released: ctypes.Array[Packet]

    _fields_ = [
        ("buffer_count", ctypes.c_uint32),  # 0
        ("own_count", ctypes.c_uint32),  # 4
        ("released_count", ctypes.c_uint32),  # 8
        ("reserved", ctypes.c_uint32),  # 12
        ("buffer", Buffer * 64),  # 16
        ("own", Packet * 64),  # 1040
        ("released", Packet * 256),  # 5136
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


class RequestLimit(ctypes.Structure):
    """struct sb_request_limit: 104 bytes."""

    limit: Limit
    path_size: int
    path: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("limit", Limit),  # 0
        ("path_size", ctypes.c_uint32),  # 32
        ("path", ctypes.c_uint8 * 64),  # 36
        ("_padding_100", ctypes.c_uint8 * 4),  # 100
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
    """struct sb_reflector: 6 bytes."""

    port: int
    size_min: int
    ntp_modes: int

    _fields_ = [
        ("port", ctypes.c_uint16),  # 0
        ("size_min", ctypes.c_uint16),  # 2
        ("ntp_modes", ctypes.c_uint16),  # 4
    ]


class FlowTimeouts(ctypes.Structure):
    """struct sb_flow_timeouts: 36 bytes."""

    ds: ctypes.Array[ctypes.c_uint32]

    _fields_ = [
        ("ds", ctypes.c_uint32 * 9),  # 0
    ]


class HttpProfile(ctypes.Structure):
    """struct sb_http_profile: 2144 bytes."""

    port: ctypes.Array[ctypes.c_uint16]
    port_count: int
    body_limit: int
    fail_closed: int
    pass_other: int
    head_s: int
    body_s: int
    read_s: int
    body_rate: int
    read_rate: int
    request_limit_count: int
    request_limit: ctypes.Array[RequestLimit]

    _fields_ = [
        ("port", ctypes.c_uint16 * 16),  # 0
        ("port_count", ctypes.c_uint32),  # 32
        ("body_limit", ctypes.c_uint32),  # 36
        ("fail_closed", ctypes.c_uint8),  # 40
        ("pass_other", ctypes.c_uint8),  # 41
        ("head_s", ctypes.c_uint16),  # 42
        ("body_s", ctypes.c_uint16),  # 44
        ("read_s", ctypes.c_uint16),  # 46
        ("body_rate", ctypes.c_uint32),  # 48
        ("read_rate", ctypes.c_uint32),  # 52
        ("request_limit_count", ctypes.c_uint32),  # 56
        ("_padding_60", ctypes.c_uint8 * 4),  # 60
        ("request_limit", RequestLimit * 20),  # 64
    ]


class Profile(ctypes.Structure):
    """struct sb_profile: 3904 bytes."""

    mode: ctypes.Array[ctypes.c_uint8]
    uses: int
    limit_count: int
    reflector_count: int
    connections_max: int
    share_q16: int
    syn_proxy: int
    inside: ctypes.Array[ctypes.c_uint8]
    vxlan_port: int
    reserved: ctypes.Array[ctypes.c_uint8]
    syn_rate: int
    limit: ctypes.Array[Limit]
    ports_tcp: PortRule
    ports_udp: PortRule
    ethertypes: PortRule
    protocols: ctypes.Array[ctypes.c_uint64]
    reflector: ctypes.Array[Reflector]
    geo_block: ctypes.Array[ctypes.c_uint64]
    geo_allow: ctypes.Array[ctypes.c_uint64]
    http: HttpProfile
    waf_off: ctypes.Array[ctypes.c_uint64]
    waf_monitor: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("mode", ctypes.c_uint8 * 256),  # 0
        ("uses", ctypes.c_uint32),  # 256
        ("limit_count", ctypes.c_uint32),  # 260
        ("reflector_count", ctypes.c_uint32),  # 264
        ("connections_max", ctypes.c_uint32),  # 268
        ("share_q16", ctypes.c_uint32),  # 272
        ("syn_proxy", ctypes.c_uint32),  # 276
        ("inside", ctypes.c_uint8 * 4),  # 280
        ("vxlan_port", ctypes.c_uint16),  # 284
        ("reserved", ctypes.c_uint8 * 2),  # 286
        ("syn_rate", ctypes.c_uint32),  # 288
        ("_padding_292", ctypes.c_uint8 * 4),  # 292
        ("limit", Limit * 13),  # 296
        ("ports_tcp", PortRule),  # 712
        ("ports_udp", PortRule),  # 844
        ("ethertypes", PortRule),  # 976
        ("_padding_1108", ctypes.c_uint8 * 4),  # 1108
        ("protocols", ctypes.c_uint64 * 4),  # 1112
        ("reflector", Reflector * 64),  # 1144
        ("geo_block", ctypes.c_uint64 * 11),  # 1528
        ("geo_allow", ctypes.c_uint64 * 11),  # 1616
        ("http", HttpProfile),  # 1704
        ("waf_off", ctypes.c_uint64 * 2),  # 3848
        ("waf_monitor", ctypes.c_uint64 * 2),  # 3864
        ("_padding_3880", ctypes.c_uint8 * 24),  # 3880
    ]


class Sample(ctypes.Structure):
    """struct sb_sample: 64 bytes."""

    source: ctypes.Array[ctypes.c_uint8]
    destination: ctypes.Array[ctypes.c_uint8]
    source_hash: int
    boot_ds: int
    packets: int
    source_port: int
    destination_port: int
    size: int
    profile: int
    protocol: int
    tcp_flags: int
    verdict: int
    reason: int
    sampled: int
    ip_version: int
    has_ports: int
    sources_shift: int

    _fields_ = [
        ("source", ctypes.c_uint8 * 16),  # 0
        ("destination", ctypes.c_uint8 * 16),  # 16
        ("source_hash", ctypes.c_uint64),  # 32
        ("boot_ds", ctypes.c_uint32),  # 40
        ("packets", ctypes.c_uint32),  # 44
        ("source_port", ctypes.c_uint16),  # 48
        ("destination_port", ctypes.c_uint16),  # 50
        ("size", ctypes.c_uint16),  # 52
        ("profile", ctypes.c_uint16),  # 54
        ("protocol", ctypes.c_uint8),  # 56
        ("tcp_flags", ctypes.c_uint8),  # 57
        ("verdict", ctypes.c_uint8),  # 58
        ("reason", ctypes.c_uint8),  # 59
        ("sampled", ctypes.c_uint8),  # 60
        ("ip_version", ctypes.c_uint8),  # 61
        ("has_ports", ctypes.c_uint8),  # 62
        ("sources_shift", ctypes.c_uint8),  # 63
    ]


class Capture(ctypes.Structure):
    """struct sb_capture: 256 bytes."""

    sequence: int
    boot_ns: int
    length: int
    captured: int
    profile: int
    reason: int
    mode: int
    port: int
    protected_version: int
    protected_address: ctypes.Array[ctypes.c_uint8]
    reserved: ctypes.Array[ctypes.c_uint8]
    bytes: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("sequence", ctypes.c_uint64),  # 0
        ("boot_ns", ctypes.c_uint64),  # 8
        ("length", ctypes.c_uint32),  # 16
        ("captured", ctypes.c_uint16),  # 20
        ("profile", ctypes.c_uint16),  # 22
        ("reason", ctypes.c_uint8),  # 24
        ("mode", ctypes.c_uint8),  # 25
        ("port", ctypes.c_uint8),  # 26
        ("protected_version", ctypes.c_uint8),  # 27
        ("protected_address", ctypes.c_uint8 * 16),  # 28
        ("reserved", ctypes.c_uint8 * 20),  # 44
        ("bytes", ctypes.c_uint8 * 192),  # 64
    ]


class TrafficSum(ctypes.Structure):
    """struct sb_traffic_sum: 120 bytes."""

    bytes: int
    count: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("bytes", ctypes.c_uint64),  # 0
        ("count", ctypes.c_uint64 * 14),  # 8
    ]


class TrafficNow(ctypes.Structure):
    """struct sb_traffic_now: 240 bytes."""

    window: TrafficSum
    since: TrafficSum

    _fields_ = [
        ("window", TrafficSum),  # 0
        ("since", TrafficSum),  # 120
    ]


class TargetTraffic(ctypes.Structure):
    """struct sb_target_traffic: 272 bytes."""

    key: ctypes.Array[ctypes.c_uint8]
    prefix_length: int
    profile: int
    destinations: int
    traffic: TrafficNow

    _fields_ = [
        ("key", ctypes.c_uint8 * 16),  # 0
        ("prefix_length", ctypes.c_uint32),  # 16
        ("profile", ctypes.c_uint32),  # 20
        ("destinations", ctypes.c_uint64),  # 24
        ("traffic", TrafficNow),  # 32
    ]


class ProfileTraffic(ctypes.Structure):
    """struct sb_profile_traffic: 368 bytes."""

    profile: int
    traffic: TrafficNow
    highest: TrafficSum

    _fields_ = [
        ("profile", ctypes.c_uint64),  # 0
        ("traffic", TrafficNow),  # 8
        ("highest", TrafficSum),  # 248
    ]


class TrafficWindow(ctypes.Structure):
    """struct sb_traffic_window: 841008 bytes."""

    boot_ms: int
    all: TrafficNow
    cut: int
    samples_lost: int
    destinations: int
    packets_every: int
    sources_every: int
    profile_count: int
    candidate_count: int
    followed_count: int
    reserved: int
    profile: ctypes.Array[ProfileTraffic]
    candidate: ctypes.Array[TargetTraffic]
    followed: ctypes.Array[TargetTraffic]

    _fields_ = [
        ("boot_ms", ctypes.c_uint64),  # 0
        ("all", TrafficNow),  # 8
        ("cut", ctypes.c_uint64),  # 248
        ("samples_lost", ctypes.c_uint64),  # 256
        ("destinations", ctypes.c_uint64),  # 264
        ("packets_every", ctypes.c_uint64),  # 272
        ("sources_every", ctypes.c_uint64),  # 280
        ("profile_count", ctypes.c_uint32),  # 288
        ("candidate_count", ctypes.c_uint32),  # 292
        ("followed_count", ctypes.c_uint32),  # 296
        ("reserved", ctypes.c_uint32),  # 300
        ("profile", ProfileTraffic * 2048),  # 304
        ("candidate", TargetTraffic * 256),  # 753968
        ("followed", TargetTraffic * 64),  # 823600
    ]


class Ranked(ctypes.Structure):
    """struct sb_ranked: 32 bytes."""

    key: ctypes.Array[ctypes.c_uint8]
    packets: int
    error: int

    _fields_ = [
        ("key", ctypes.c_uint8 * 16),  # 0
        ("packets", ctypes.c_uint64),  # 16
        ("error", ctypes.c_uint64),  # 24
    ]


class NodeTop(ctypes.Structure):
    """struct sb_node_top: 16392 bytes."""

    source_count: int
    destination_count: int
    source: ctypes.Array[Ranked]
    destination: ctypes.Array[Ranked]

    _fields_ = [
        ("source_count", ctypes.c_uint32),  # 0
        ("destination_count", ctypes.c_uint32),  # 4
        ("source", Ranked * 256),  # 8
        ("destination", Ranked * 256),  # 8200
    ]


class PortPackets(ctypes.Structure):
    """struct sb_port_packets: 24 bytes."""

    packets: int
    error: int
    protocol: int
    port: int
    reserved: int

    _fields_ = [
        ("packets", ctypes.c_uint64),  # 0
        ("error", ctypes.c_uint64),  # 8
        ("protocol", ctypes.c_uint16),  # 16
        ("port", ctypes.c_uint16),  # 18
        ("reserved", ctypes.c_uint32),  # 20
    ]


class TargetEvidence(ctypes.Structure):
    """struct sb_target_evidence: 16248 bytes."""

    packets: int
    samples: int
    distinct_sources: int
    sampled_sources: int
    once_sources: int
    source_count: int
    port_count: int
    source_port_count: int
    sample_count: int
    source: ctypes.Array[Ranked]
    port: ctypes.Array[PortPackets]
    source_port: ctypes.Array[PortPackets]
    country: ctypes.Array[ctypes.c_uint64]
    tcp_flags: ctypes.Array[ctypes.c_uint64]
    size: ctypes.Array[ctypes.c_uint64]
    reason: ctypes.Array[ctypes.c_uint64]
    sample: ctypes.Array[Sample]

    _fields_ = [
        ("packets", ctypes.c_uint64),  # 0
        ("samples", ctypes.c_uint64),  # 8
        ("distinct_sources", ctypes.c_uint64),  # 16
        ("sampled_sources", ctypes.c_uint64),  # 24
        ("once_sources", ctypes.c_uint64),  # 32
        ("source_count", ctypes.c_uint32),  # 40
        ("port_count", ctypes.c_uint32),  # 44
        ("source_port_count", ctypes.c_uint32),  # 48
        ("sample_count", ctypes.c_uint32),  # 52
        ("source", Ranked * 64),  # 56
        ("port", PortPackets * 32),  # 2104
        ("source_port", PortPackets * 32),  # 2872
        ("country", ctypes.c_uint64 * 677),  # 3640
        ("tcp_flags", ctypes.c_uint64 * 256),  # 9056
        ("size", ctypes.c_uint64 * 8),  # 11104
        ("reason", ctypes.c_uint64 * 123),  # 11168
        ("sample", Sample * 64),  # 12152
    ]


class Rates(ctypes.Structure):
    """struct sb_rates: 24 bytes."""

    packets: int
    bits: int
    requests: int

    _fields_ = [
        ("packets", ctypes.c_uint64),  # 0
        ("bits", ctypes.c_uint64),  # 8
        ("requests", ctypes.c_uint64),  # 16
    ]


class Heavy(ctypes.Structure):
    """struct sb_heavy: 40 bytes."""

    address: ctypes.Array[ctypes.c_uint8]
    country: int
    packets: int
    error: int

    _fields_ = [
        ("address", ctypes.c_uint8 * 16),  # 0
        ("country", ctypes.c_uint64),  # 16
        ("packets", ctypes.c_uint64),  # 24
        ("error", ctypes.c_uint64),  # 32
    ]


class Part(ctypes.Structure):
    """struct sb_part: 16 bytes."""

    key: int
    value: int

    _fields_ = [
        ("key", ctypes.c_uint64),  # 0
        ("value", ctypes.c_uint64),  # 8
    ]


class Incident(ctypes.Structure):
    """struct sb_incident: 1496 bytes."""

    version: int
    id: int
    number: int
    attack: int
    state: int
    end: int
    action: int
    target: int
    key: ctypes.Array[ctypes.c_uint8]
    prefix_length: int
    profile: int
    profile_name: ctypes.Array[ctypes.c_uint8]
    started_ms: int
    detected_ms: int
    updated_ms: int
    ended_ms: int
    started_boot_ms: int
    updated_boot_ms: int
    metric: int
    threshold: int
    value: int
    now: Rates
    peak: Rates
    packets: int
    bits: int
    requests: int
    dropped: int
    would_drop: int
    challenged: int
    distinct_sources: int
    seen_once_ppm: int
    is_spoofed: int
    packets_every: int
    sources_every: int
    response: int
    response_mode: int
    response_s: int
    response_max: int
    limit_pps: int
    source_count: int
    source: ctypes.Array[Heavy]
    reason_count: int
    reason: ctypes.Array[Part]
    port_count: int
    port: ctypes.Array[Part]
    country_count: int
    country: ctypes.Array[Part]
    flags_count: int
    flags: ctypes.Array[Part]
    size_count: int
    size: ctypes.Array[Part]

    _fields_ = [
        ("version", ctypes.c_uint64),  # 0
        ("id", ctypes.c_uint64),  # 8
        ("number", ctypes.c_uint64),  # 16
        ("attack", ctypes.c_uint64),  # 24
        ("state", ctypes.c_uint64),  # 32
        ("end", ctypes.c_uint64),  # 40
        ("action", ctypes.c_uint64),  # 48
        ("target", ctypes.c_uint64),  # 56
        ("key", ctypes.c_uint8 * 16),  # 64
        ("prefix_length", ctypes.c_uint64),  # 80
        ("profile", ctypes.c_uint64),  # 88
        ("profile_name", ctypes.c_uint8 * 64),  # 96
        ("started_ms", ctypes.c_uint64),  # 160
        ("detected_ms", ctypes.c_uint64),  # 168
        ("updated_ms", ctypes.c_uint64),  # 176
        ("ended_ms", ctypes.c_uint64),  # 184
        ("started_boot_ms", ctypes.c_uint64),  # 192
        ("updated_boot_ms", ctypes.c_uint64),  # 200
        ("metric", ctypes.c_uint64),  # 208
        ("threshold", ctypes.c_uint64),  # 216
        ("value", ctypes.c_uint64),  # 224
        ("now", Rates),  # 232
        ("peak", Rates),  # 256
        ("packets", ctypes.c_uint64),  # 280
        ("bits", ctypes.c_uint64),  # 288
        ("requests", ctypes.c_uint64),  # 296
        ("dropped", ctypes.c_uint64),  # 304
        ("would_drop", ctypes.c_uint64),  # 312
        ("challenged", ctypes.c_uint64),  # 320
        ("distinct_sources", ctypes.c_uint64),  # 328
        ("seen_once_ppm", ctypes.c_uint64),  # 336
        ("is_spoofed", ctypes.c_uint64),  # 344
        ("packets_every", ctypes.c_uint64),  # 352
        ("sources_every", ctypes.c_uint64),  # 360
        ("response", ctypes.c_uint64),  # 368
        ("response_mode", ctypes.c_uint64),  # 376
        ("response_s", ctypes.c_uint64),  # 384
        ("response_max", ctypes.c_uint64),  # 392
        ("limit_pps", ctypes.c_uint64),  # 400
        ("source_count", ctypes.c_uint64),  # 408
        ("source", Heavy * 10),  # 416
        ("reason_count", ctypes.c_uint64),  # 816
        ("reason", Part * 8),  # 824
        ("port_count", ctypes.c_uint64),  # 952
        ("port", Part * 8),  # 960
        ("country_count", ctypes.c_uint64),  # 1088
        ("country", Part * 8),  # 1096
        ("flags_count", ctypes.c_uint64),  # 1224
        ("flags", Part * 8),  # 1232
        ("size_count", ctypes.c_uint64),  # 1360
        ("size", Part * 8),  # 1368
    ]


class Top(ctypes.Structure):
    """struct sb_top: 2600 bytes."""

    version: int
    boot_ms: int
    packets_every: int
    source_count: int
    target_count: int
    source: ctypes.Array[Heavy]
    target: ctypes.Array[Heavy]

    _fields_ = [
        ("version", ctypes.c_uint64),  # 0
        ("boot_ms", ctypes.c_uint64),  # 8
        ("packets_every", ctypes.c_uint64),  # 16
        ("source_count", ctypes.c_uint64),  # 24
        ("target_count", ctypes.c_uint64),  # 32
        ("source", Heavy * 32),  # 40
        ("target", Heavy * 32),  # 1320
    ]


class DetectionCounts(ctypes.Structure):
    """struct sb_detection_counts: 464 bytes."""

    ticks: int
    attacks: ctypes.Array[ctypes.c_uint64]
    active: ctypes.Array[ctypes.c_uint64]
    blocked: int
    suppressed: int
    failures: int
    delay_count: int
    delay_sum_ms: int
    delay: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("ticks", ctypes.c_uint64),  # 0
        ("attacks", ctypes.c_uint64 * 20),  # 8
        ("active", ctypes.c_uint64 * 20),  # 168
        ("blocked", ctypes.c_uint64),  # 328
        ("suppressed", ctypes.c_uint64),  # 336
        ("failures", ctypes.c_uint64),  # 344
        ("delay_count", ctypes.c_uint64),  # 352
        ("delay_sum_ms", ctypes.c_uint64),  # 360
        ("delay", ctypes.c_uint64 * 12),  # 368
    ]


class BaselineProfile(ctypes.Structure):
    """struct sb_baseline_profile: 184 bytes."""

    name: ctypes.Array[ctypes.c_uint8]
    is_attacked: int
    highest: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("name", ctypes.c_uint8 * 64),  # 0
        ("is_attacked", ctypes.c_uint64),  # 64
        ("highest", ctypes.c_uint64 * 14),  # 72
    ]


class Baseline(ctypes.Structure):
    """struct sb_baseline: 11808 bytes."""

    version: int
    number: int
    beyond: int
    profile_count: int
    profile: ctypes.Array[BaselineProfile]

    _fields_ = [
        ("version", ctypes.c_uint64),  # 0
        ("number", ctypes.c_uint64),  # 8
        ("beyond", ctypes.c_uint64),  # 16
        ("profile_count", ctypes.c_uint64),  # 24
        ("profile", BaselineProfile * 64),  # 32
    ]


class DetectionPages(ctypes.Structure):
    """struct sb_detection_pages: 397848 bytes."""

    counts: DetectionCounts
    top: Top
    incident: ctypes.Array[Incident]
    baseline: Baseline

    _fields_ = [
        ("counts", DetectionCounts),  # 0
        ("top", Top),  # 464
        ("incident", Incident * 256),  # 3064
        ("baseline", Baseline),  # 386040
    ]


class WafStats(ctypes.Structure):
    """struct sb_waf_stats: 56 bytes."""

    scans: int
    bytes: int
    failed: int
    hits: int
    cut: int
    sampled_scans: int
    sampled_cycles: int

    _fields_ = [
        ("scans", ctypes.c_uint64),  # 0
        ("bytes", ctypes.c_uint64),  # 8
        ("failed", ctypes.c_uint64),  # 16
        ("hits", ctypes.c_uint64),  # 24
        ("cut", ctypes.c_uint64),  # 32
        ("sampled_scans", ctypes.c_uint64),  # 40
        ("sampled_cycles", ctypes.c_uint64),  # 48
    ]


class Evidence(ctypes.Structure):
    """struct sb_evidence: 512 bytes."""

    sequence: int
    boot_ds: int
    incident: int
    rule: int
    client: ctypes.Array[ctypes.c_uint8]
    protected_address: ctypes.Array[ctypes.c_uint8]
    client_port: int
    protected_port: int
    profile: int
    action: int
    mode: int
    target: int
    form: int
    line_size: int
    excerpt_size: int
    severity: int
    reserved: int
    line: ctypes.Array[ctypes.c_uint8]
    excerpt: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("sequence", ctypes.c_uint64),  # 0
        ("boot_ds", ctypes.c_uint64),  # 8
        ("incident", ctypes.c_uint64),  # 16
        ("rule", ctypes.c_uint64),  # 24
        ("client", ctypes.c_uint8 * 16),  # 32
        ("protected_address", ctypes.c_uint8 * 16),  # 48
        ("client_port", ctypes.c_uint16),  # 64
        ("protected_port", ctypes.c_uint16),  # 66
        ("profile", ctypes.c_uint16),  # 68
        ("action", ctypes.c_uint8),  # 70
        ("mode", ctypes.c_uint8),  # 71
        ("target", ctypes.c_uint8),  # 72
        ("form", ctypes.c_uint8),  # 73
        ("line_size", ctypes.c_uint16),  # 74
        ("excerpt_size", ctypes.c_uint16),  # 76
        ("severity", ctypes.c_uint8),  # 78
        ("reserved", ctypes.c_uint8),  # 79
        ("line", ctypes.c_uint8 * 216),  # 80
        ("excerpt", ctypes.c_uint8 * 216),  # 296
    ]


class HttpStats(ctypes.Structure):
    """struct sb_http_stats: 208 bytes."""

    connections: int
    requests: int
    blocked: int
    limited: int
    resets: int
    slow: ctypes.Array[ctypes.c_uint64]
    not_inspected: ctypes.Array[ctypes.c_uint64]
    responses: ctypes.Array[ctypes.c_uint64]
    pool_bytes: int
    pool_used: int
    pool_full: int

    _fields_ = [
        ("connections", ctypes.c_uint64),  # 0
        ("requests", ctypes.c_uint64),  # 8
        ("blocked", ctypes.c_uint64),  # 16
        ("limited", ctypes.c_uint64),  # 24
        ("resets", ctypes.c_uint64),  # 32
        ("slow", ctypes.c_uint64 * 3),  # 40
        ("not_inspected", ctypes.c_uint64 * 9),  # 64
        ("responses", ctypes.c_uint64 * 6),  # 136
        ("pool_bytes", ctypes.c_uint64),  # 184
        ("pool_used", ctypes.c_uint64),  # 192
        ("pool_full", ctypes.c_uint64),  # 200
    ]


class DeviceStats(ctypes.Structure):
    """struct sb_device_stats: 64 bytes."""

    missed: int
    errors: int
    no_mbuf: int
    tx_errors: int
    link_up: int
    speed_mbps: int
    link_can_be_held: int
    link_held: int

    _fields_ = [
        ("missed", ctypes.c_uint64),  # 0
        ("errors", ctypes.c_uint64),  # 8
        ("no_mbuf", ctypes.c_uint64),  # 16
        ("tx_errors", ctypes.c_uint64),  # 24
        ("link_up", ctypes.c_uint64),  # 32
        ("speed_mbps", ctypes.c_uint64),  # 40
        ("link_can_be_held", ctypes.c_uint64),  # 48
        ("link_held", ctypes.c_uint64),  # 56
    ]


class Links(ctypes.Structure):
    """struct sb_links: 32 bytes."""

    state: int
    since_boot_ms: int
    loss_forwarding: int
    losses: int

    _fields_ = [
        ("state", ctypes.c_uint64),  # 0
        ("since_boot_ms", ctypes.c_uint64),  # 8
        ("loss_forwarding", ctypes.c_uint64),  # 16
        ("losses", ctypes.c_uint64),  # 24
    ]


class Drain(ctypes.Structure):
    """struct sb_drain: 40 bytes."""

    wanted: int
    state: int
    takes_links_down: int
    quiet_ms: int
    lost: int

    _fields_ = [
        ("wanted", ctypes.c_uint64),  # 0
        ("state", ctypes.c_uint64),  # 8
        ("takes_links_down", ctypes.c_uint64),  # 16
        ("quiet_ms", ctypes.c_uint64),  # 24
        ("lost", ctypes.c_uint64),  # 32
    ]


class Rejected(ctypes.Structure):
    """struct sb_rejected: 264 bytes."""

    revision: int
    kind: int
    error: int
    key: ctypes.Array[ctypes.c_uint8]
    prefix_length: int
    list: int
    rule: int
    text: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("revision", ctypes.c_uint64),  # 0
        ("kind", ctypes.c_uint64),  # 8
        ("error", ctypes.c_uint64),  # 16
        ("key", ctypes.c_uint8 * 16),  # 24
        ("prefix_length", ctypes.c_uint64),  # 40
        ("list", ctypes.c_uint64),  # 48
        ("rule", ctypes.c_uint64),  # 56
        ("text", ctypes.c_uint8 * 200),  # 64
    ]


class TrafficRates(ctypes.Structure):
    """struct sb_traffic_rates: 40 bytes."""

    received_pps: int
    received_bps: int
    forwarded_pps: int
    consumed_pps: int
    dropped_pps: int

    _fields_ = [
        ("received_pps", ctypes.c_uint64),  # 0
        ("received_bps", ctypes.c_uint64),  # 8
        ("forwarded_pps", ctypes.c_uint64),  # 16
        ("consumed_pps", ctypes.c_uint64),  # 24
        ("dropped_pps", ctypes.c_uint64),  # 32
    ]


class Protected(ctypes.Structure):
    """struct sb_protected: 24 bytes."""

    address: ctypes.Array[ctypes.c_uint8]
    profile: int

    _fields_ = [
        ("address", ctypes.c_uint8 * 16),  # 0
        ("profile", ctypes.c_uint64),  # 16
    ]


class SynProxyOn(ctypes.Structure):
    """struct sb_syn_proxy_on: 784 bytes."""

    version: int
    count: int
    shown: ctypes.Array[Protected]

    _fields_ = [
        ("version", ctypes.c_uint64),  # 0
        ("count", ctypes.c_uint64),  # 8
        ("shown", Protected * 32),  # 16
    ]


class HitEntry(ctypes.Structure):
    """struct sb_hit_entry: 32 bytes."""

    key: ctypes.Array[ctypes.c_uint8]
    hits: int
    prefix_length: int

    _fields_ = [
        ("key", ctypes.c_uint8 * 16),  # 0
        ("hits", ctypes.c_uint64),  # 16
        ("prefix_length", ctypes.c_uint64),  # 24
    ]


class MostHit(ctypes.Structure):
    """struct sb_most_hit: 32016 bytes."""

    version: int
    count: int
    entry: ctypes.Array[HitEntry]

    _fields_ = [
        ("version", ctypes.c_uint64),  # 0
        ("count", ctypes.c_uint64),  # 8
        ("entry", HitEntry * 1000),  # 16
    ]


class PortStats(ctypes.Structure):
    """struct sb_port_stats: 1040 bytes."""

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
        ("dropped", ctypes.c_uint64 * 123),  # 48
        ("dropped_bytes", ctypes.c_uint64),  # 1032
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
    """struct sb_connection_stats: 88 bytes."""

    active: int
    proven: int
    opened: int
    expired: int
    evicted: int
    untracked: int
    opening: int
    accepted: int
    failed: int
    bad_checksum: int
    proxied: int

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
        ("bad_checksum", ctypes.c_uint64),  # 72
        ("proxied", ctypes.c_uint64),  # 80
    ]


class ProfileStats(ctypes.Structure):
    """struct sb_profile_stats: 2952 bytes."""

    count: ctypes.Array[ctypes.Array[ctypes.c_uint64]]

    _fields_ = [
        ("count", (ctypes.c_uint64 * 3) * 123),  # 0
    ]


class ProfileLabel(ctypes.Structure):
    """struct sb_profile_label: 64 bytes."""

    name: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("name", ctypes.c_uint8 * 64),  # 0
    ]


class RuleGroupLabel(ctypes.Structure):
    """struct sb_rule_group_label: 64 bytes."""

    name: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("name", ctypes.c_uint8 * 64),  # 0
    ]


class Latency(ctypes.Structure):
    """struct sb_latency: 184 bytes."""

    count: int
    sum_ns: int
    bucket: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("count", ctypes.c_uint64),  # 0
        ("sum_ns", ctypes.c_uint64),  # 8
        ("bucket", ctypes.c_uint64 * 21),  # 16
    ]


class LcoreStats(ctypes.Structure):
    """struct sb_lcore_stats: 8953856 bytes."""

    heartbeat: int
    busy_cycles: int
    total_cycles: int
    misrouted: int
    handover_lost: int
    events_lost: int
    latency: Latency
    request_latency: Latency
    response_time: Latency
    connections: ConnectionStats
    http: HttpStats
    waf: WafStats
    port: ctypes.Array[PortStats]
    stage: ctypes.Array[StageStats]
    origin: ctypes.Array[OriginStats]
    link: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    inner: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    neighbor: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    neighbor_beyond: ctypes.Array[ctypes.c_uint64]
    profile: ctypes.Array[ProfileStats]
    connections_of: ctypes.Array[ctypes.c_uint64]
    rule_hits: ctypes.Array[ctypes.c_uint64]
    rule_group: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    evidence_count: int
    evidence: ctypes.Array[Evidence]
    capture_count: int
    capture: ctypes.Array[Capture]

    _fields_ = [
        ("heartbeat", ctypes.c_uint64),  # 0
        ("busy_cycles", ctypes.c_uint64),  # 8
        ("total_cycles", ctypes.c_uint64),  # 16
        ("misrouted", ctypes.c_uint64),  # 24
        ("handover_lost", ctypes.c_uint64),  # 32
        ("events_lost", ctypes.c_uint64),  # 40
        ("latency", Latency),  # 48
        ("request_latency", Latency),  # 232
        ("response_time", Latency),  # 416
        ("connections", ConnectionStats),  # 600
        ("http", HttpStats),  # 688
        ("waf", WafStats),  # 896
        ("port", PortStats * 2),  # 952
        ("stage", StageStats * 11),  # 3032
        ("origin", OriginStats * 5),  # 3384
        ("link", (ctypes.c_uint64 * 35) * 2),  # 3504
        ("inner", (ctypes.c_uint64 * 4) * 2),  # 4064
        ("neighbor", (ctypes.c_uint64 * 9) * 2),  # 4128
        ("neighbor_beyond", ctypes.c_uint64 * 9),  # 4272
        ("profile", ProfileStats * 2048),  # 4344
        ("connections_of", ctypes.c_uint64 * 2048),  # 6050040
        ("rule_hits", ctypes.c_uint64 * 65536),  # 6066424
        ("rule_group", (ctypes.c_uint64 * 3) * 128),  # 6590712
        ("evidence_count", ctypes.c_uint64),  # 6593784
        ("evidence", Evidence * 4096),  # 6593792
        ("capture_count", ctypes.c_uint64),  # 8690944
        ("capture", Capture * 1024),  # 8690952
        ("_padding_8953096", ctypes.c_uint8 * 760),  # 8953096
    ]


class StatsHeader(ctypes.Structure):
    """struct sb_stats_header: 1200128 bytes."""

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
    http_profiles: int
    overlays: int
    panic_until_boot_ms: int
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
    request_latency_mean_ns: int
    requests_mps: int
    rates: TrafficRates
    memory_bytes: int
    events_lost: int
    countries_date: int
    countries_ranges_ipv4: int
    countries_ranges_ipv6: int
    countries_bytes: int
    rules_through: int
    rules_state: int
    rules_max: int
    rules_used: int
    rules_pending: int
    rules_bytes: int
    rules_databases: int
    rejected_count: int
    rejected: ctypes.Array[Rejected]
    device: ctypes.Array[DeviceStats]
    links: Links
    drain: Drain
    profile_version: int
    profile_label: ctypes.Array[ProfileLabel]
    profile_removed: ProfileStats
    rule_number: ctypes.Array[ctypes.c_uint64]
    rule_group_count: int
    rule_group_label: ctypes.Array[RuleGroupLabel]
    detection: DetectionPages
    most_hit: ctypes.Array[MostHit]
    syn_proxy_on: SynProxyOn

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
        ("http_profiles", ctypes.c_uint64),  # 160
        ("overlays", ctypes.c_uint64),  # 168
        ("panic_until_boot_ms", ctypes.c_uint64),  # 176
        ("hugepages", ctypes.c_uint64),  # 184
        ("addresses_max", ctypes.c_uint64),  # 192
        ("addresses_used", ctypes.c_uint64),  # 200
        ("prefixes_max", ctypes.c_uint64),  # 208
        ("prefixes_used_ipv4", ctypes.c_uint64),  # 216
        ("prefixes_used_ipv6", ctypes.c_uint64),  # 224
        ("connections_max", ctypes.c_uint64),  # 232
        ("mbufs_max", ctypes.c_uint64),  # 240
        ("mbufs_used", ctypes.c_uint64),  # 248
        ("cpu_busy_ppm", ctypes.c_uint64),  # 256
        ("latency_mean_ns", ctypes.c_uint64),  # 264
        ("request_latency_mean_ns", ctypes.c_uint64),  # 272
        ("requests_mps", ctypes.c_uint64),  # 280
        ("rates", TrafficRates),  # 288
        ("memory_bytes", ctypes.c_uint64),  # 328
        ("events_lost", ctypes.c_uint64),  # 336
        ("countries_date", ctypes.c_uint64),  # 344
        ("countries_ranges_ipv4", ctypes.c_uint64),  # 352
        ("countries_ranges_ipv6", ctypes.c_uint64),  # 360
        ("countries_bytes", ctypes.c_uint64),  # 368
        ("rules_through", ctypes.c_uint64),  # 376
        ("rules_state", ctypes.c_uint64),  # 384
        ("rules_max", ctypes.c_uint64),  # 392
        ("rules_used", ctypes.c_uint64),  # 400
        ("rules_pending", ctypes.c_uint64),  # 408
        ("rules_bytes", ctypes.c_uint64),  # 416
        ("rules_databases", ctypes.c_uint64),  # 424
        ("rejected_count", ctypes.c_uint64),  # 432
        ("rejected", Rejected * 256),  # 440
        ("device", DeviceStats * 2),  # 68024
        ("links", Links),  # 68152
        ("drain", Drain),  # 68184
        ("profile_version", ctypes.c_uint64),  # 68224
        ("profile_label", ProfileLabel * 2048),  # 68232
        ("profile_removed", ProfileStats),  # 199304
        ("rule_number", ctypes.c_uint64 * 65536),  # 202256
        ("rule_group_count", ctypes.c_uint64),  # 726544
        ("rule_group_label", RuleGroupLabel * 128),  # 726552
        ("detection", DetectionPages),  # 734744
        ("most_hit", MostHit * 2),  # 1132592
        ("syn_proxy_on", SynProxyOn),  # 1196624
        ("_padding_1197408", ctypes.c_uint8 * 2720),  # 1197408
    ]


class Stats(ctypes.Structure):
    """struct sb_stats: 144461824 bytes."""

    header: StatsHeader
    lcore: ctypes.Array[LcoreStats]

    _fields_ = [
        ("header", StatsHeader),  # 0
        ("lcore", LcoreStats * 16),  # 1200128
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


class RuleTriggered(ctypes.Structure):
    """struct sb_rule_triggered: 48 bytes."""

    rule: int
    sequence: int
    incident: int
    client: ctypes.Array[ctypes.c_uint8]
    profile: int
    lcore: int
    action: int
    mode: int
    severity: int
    group: int

    _fields_ = [
        ("rule", ctypes.c_uint64),  # 0
        ("sequence", ctypes.c_uint64),  # 8
        ("incident", ctypes.c_uint64),  # 16
        ("client", ctypes.c_uint8 * 16),  # 24
        ("profile", ctypes.c_uint16),  # 40
        ("lcore", ctypes.c_uint16),  # 42
        ("action", ctypes.c_uint8),  # 44
        ("mode", ctypes.c_uint8),  # 45
        ("severity", ctypes.c_uint8),  # 46
        ("group", ctypes.c_uint8),  # 47
    ]


class Notice(ctypes.Structure):
    """struct sb_notice: 48 bytes."""

    boot_ms: int
    notice: int
    value: int
    address: ctypes.Array[ctypes.c_uint8]
    profile: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("boot_ms", ctypes.c_uint64),  # 0
        ("notice", ctypes.c_uint64),  # 8
        ("value", ctypes.c_uint64),  # 16
        ("address", ctypes.c_uint8 * 16),  # 24
        ("profile", ctypes.c_uint16),  # 40
        ("reserved", ctypes.c_uint8 * 6),  # 42
    ]


class ExplainPacket(ctypes.Structure):
    """struct sb_explain_packet: 48 bytes."""

    id: int
    deadline_ds: int
    source: ctypes.Array[ctypes.c_uint8]
    destination: ctypes.Array[ctypes.c_uint8]
    profile: int
    port: int
    protocol: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("id", ctypes.c_uint32),  # 0
        ("deadline_ds", ctypes.c_uint32),  # 4
        ("source", ctypes.c_uint8 * 16),  # 8
        ("destination", ctypes.c_uint8 * 16),  # 24
        ("profile", ctypes.c_uint16),  # 40
        ("port", ctypes.c_uint16),  # 42
        ("protocol", ctypes.c_uint8),  # 44
        ("reserved", ctypes.c_uint8 * 3),  # 45
    ]


class ExplainedPart(ctypes.Structure):
    """struct sb_explained_part: 48 bytes."""

    id: int
    part: int
    count: int
    bytes: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("id", ctypes.c_uint32),  # 0
        ("part", ctypes.c_uint16),  # 4
        ("count", ctypes.c_uint16),  # 6
        ("bytes", ctypes.c_uint8 * 40),  # 8
    ]


class ExplainedFinding(ctypes.Structure):
    """struct sb_explained_finding: 4 bytes."""

    stage: int
    reason: int
    mode: int
    reserved: int

    _fields_ = [
        ("stage", ctypes.c_uint8),  # 0
        ("reason", ctypes.c_uint8),  # 1
        ("mode", ctypes.c_uint8),  # 2
        ("reserved", ctypes.c_uint8),  # 3
    ]


class ExplainedEntry(ctypes.Structure):
    """struct sb_explained_entry: 16 bytes."""

    hits: int
    deadline_ds: int
    prefix_length: int
    list: int
    reserved: ctypes.Array[ctypes.c_uint8]

    _fields_ = [
        ("hits", ctypes.c_uint64),  # 0
        ("deadline_ds", ctypes.c_uint32),  # 8
        ("prefix_length", ctypes.c_uint8),  # 12
        ("list", ctypes.c_uint8),  # 13
        ("reserved", ctypes.c_uint8 * 2),  # 14
    ]


class ExplainedLimit(ctypes.Structure):
    """struct sb_explained_limit: 32 bytes."""

    rate: int
    size: int
    room: int
    scope: int
    unit: int
    reason: int
    mode: int
    icmp_only: int
    prefix_length: int
    pays: int
    is_known: int

    _fields_ = [
        ("rate", ctypes.c_uint64),  # 0
        ("size", ctypes.c_uint64),  # 8
        ("room", ctypes.c_uint64),  # 16
        ("scope", ctypes.c_uint8),  # 24
        ("unit", ctypes.c_uint8),  # 25
        ("reason", ctypes.c_uint8),  # 26
        ("mode", ctypes.c_uint8),  # 27
        ("icmp_only", ctypes.c_uint8),  # 28
        ("prefix_length", ctypes.c_uint8),  # 29
        ("pays", ctypes.c_uint8),  # 30
        ("is_known", ctypes.c_uint8),  # 31
    ]


class PacketExplained(ctypes.Structure):
    """struct sb_packet_explained: 768 bytes."""

    profile: int
    source_profile: int
    country: int
    lcore: int
    reached: int
    verdict: int
    reason: int
    flags: int
    syn_proxy: int
    connections: int
    connections_max: int
    entries_found: int
    finding_count: int
    limit_count: int
    reserved: ctypes.Array[ctypes.c_uint8]
    finding: ctypes.Array[ExplainedFinding]
    entry: ctypes.Array[ExplainedEntry]
    limit: ctypes.Array[ExplainedLimit]

    _fields_ = [
        ("profile", ctypes.c_uint16),  # 0
        ("source_profile", ctypes.c_uint16),  # 2
        ("country", ctypes.c_uint16),  # 4
        ("lcore", ctypes.c_uint16),  # 6
        ("reached", ctypes.c_uint32),  # 8
        ("verdict", ctypes.c_uint8),  # 12
        ("reason", ctypes.c_uint8),  # 13
        ("flags", ctypes.c_uint8),  # 14
        ("syn_proxy", ctypes.c_uint8),  # 15
        ("connections", ctypes.c_uint32),  # 16
        ("connections_max", ctypes.c_uint32),  # 20
        ("entries_found", ctypes.c_uint32),  # 24
        ("finding_count", ctypes.c_uint8),  # 28
        ("limit_count", ctypes.c_uint8),  # 29
        ("reserved", ctypes.c_uint8 * 2),  # 30
        ("finding", ExplainedFinding * 16),  # 32
        ("entry", ExplainedEntry * 16),  # 96
        ("limit", ExplainedLimit * 13),  # 352
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


class WafRule(ctypes.Structure):
    """struct sb_waf_rule: 128 bytes."""

    number: int
    slot: int
    deadline_ds: int
    action: int
    is_enabled: int
    name_count: int
    profile_count: int
    is_listed: int
    group: int
    severity: int
    reserved: ctypes.Array[ctypes.c_uint8]
    name: ctypes.Array[ctypes.c_uint32]
    profile: ctypes.Array[ctypes.c_uint16]

    _fields_ = [
        ("number", ctypes.c_uint64),  # 0
        ("slot", ctypes.c_uint32),  # 8
        ("deadline_ds", ctypes.c_uint32),  # 12
        ("action", ctypes.c_uint8),  # 16
        ("is_enabled", ctypes.c_uint8),  # 17
        ("name_count", ctypes.c_uint8),  # 18
        ("profile_count", ctypes.c_uint8),  # 19
        ("is_listed", ctypes.c_uint8),  # 20
        ("group", ctypes.c_uint8),  # 21
        ("severity", ctypes.c_uint8),  # 22
        ("reserved", ctypes.c_uint8 * 9),  # 23
        ("name", ctypes.c_uint32 * 8),  # 32
        ("profile", ctypes.c_uint16 * 32),  # 64
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
    """struct sb_replay: 168 bytes."""

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
    neighbors: int
    tso: int
    big_tcp: int
    checksum_unfinished: int
    surplus: int
    syns_auto: int
    syns_always: int

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
        ("neighbors", ctypes.c_uint64),  # 112
        ("tso", ctypes.c_uint64),  # 120
        ("big_tcp", ctypes.c_uint64),  # 128
        ("checksum_unfinished", ctypes.c_uint64),  # 136
        ("surplus", ctypes.c_uint64),  # 144
        ("syns_auto", ctypes.c_uint64),  # 152
        ("syns_always", ctypes.c_uint64),  # 160
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


class Grace(ctypes.Structure):
    """struct sb_grace: 136 bytes."""

    count: int
    seen: ctypes.Array[ctypes.c_uint64]

    _fields_ = [
        ("count", ctypes.c_uint64),  # 0
        ("seen", ctypes.c_uint64 * 16),  # 8
    ]


class ClockPair(ctypes.Structure):
    """struct sb_clock_pair: 16 bytes."""

    tsc: int
    boot_ns: int

    _fields_ = [
        ("tsc", ctypes.c_uint64),  # 0
        ("boot_ns", ctypes.c_uint64),  # 8
    ]


class Node(ctypes.Structure):
    """struct sb_node: 1248 bytes."""

    lists: int
    policy: int
    countries: int
    waf_set: int
    owner_key: ctypes.Array[ctypes.c_uint64]
    lcore_count: int
    boot_ds: int
    stop: int
    ns_per_tsc_q24: int
    learning_until_ds: int
    cookie_slot: int
    cookie_key: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    path_mtu_full_at_ns: int
    sample_packets_every: int
    sample_sources_shift: int
    sample_epoch: int
    clock_index: int
    clock: ctypes.Array[ClockPair]
    readers: Readers

    _fields_ = [
        ("lists", ctypes.c_uint64),  # 0
        ("policy", ctypes.c_uint64),  # 8
        ("countries", ctypes.c_uint64),  # 16
        ("waf_set", ctypes.c_uint64),  # 24
        ("owner_key", ctypes.c_uint64 * 2),  # 32
        ("lcore_count", ctypes.c_uint32),  # 48
        ("boot_ds", ctypes.c_uint32),  # 52
        ("stop", ctypes.c_uint32),  # 56
        ("ns_per_tsc_q24", ctypes.c_uint32),  # 60
        ("learning_until_ds", ctypes.c_uint32),  # 64
        ("cookie_slot", ctypes.c_uint32),  # 68
        ("cookie_key", (ctypes.c_uint64 * 2) * 2),  # 72
        ("path_mtu_full_at_ns", ctypes.c_uint64),  # 104
        ("sample_packets_every", ctypes.c_uint32),  # 112
        ("sample_sources_shift", ctypes.c_uint32),  # 116
        ("sample_epoch", ctypes.c_uint32),  # 120
        ("clock_index", ctypes.c_uint32),  # 124
        ("clock", ClockPair * 2),  # 128
        ("readers", Readers),  # 160
    ]


class Lcore(ctypes.Structure):
    """struct sb_lcore: 4008 bytes."""

    node: int
    stats: int
    events: int
    events_consumer: int
    limits: int
    flows: int
    syn_proxy: int
    waf: int
    http: int
    traffic: int
    outbox: int
    pool: int
    policy: int
    index: int
    port_id: ctypes.Array[ctypes.c_uint16]
    handover_in: ctypes.Array[ctypes.c_uint64]
    handover_out: ctypes.Array[ctypes.c_uint64]
    sample_ds: ctypes.Array[ctypes.c_uint32]
    link_full_at: ctypes.Array[ctypes.Array[ctypes.c_uint64]]
    neighbor_full_at: ctypes.Array[ctypes.c_uint64]
    bursts: int

    _fields_ = [
        ("node", ctypes.c_uint64),  # 0
        ("stats", ctypes.c_uint64),  # 8
        ("events", ctypes.c_uint64),  # 16
        ("events_consumer", ctypes.c_uint64),  # 24
        ("limits", ctypes.c_uint64),  # 32
        ("flows", ctypes.c_uint64),  # 40
        ("syn_proxy", ctypes.c_uint64),  # 48
        ("waf", ctypes.c_uint64),  # 56
        ("http", ctypes.c_uint64),  # 64
        ("traffic", ctypes.c_uint64),  # 72
        ("outbox", ctypes.c_uint64),  # 80
        ("pool", ctypes.c_uint64),  # 88
        ("policy", ctypes.c_uint64),  # 96
        ("index", ctypes.c_uint32),  # 104
        ("port_id", ctypes.c_uint16 * 2),  # 108
        ("handover_in", ctypes.c_uint64 * 16),  # 112
        ("handover_out", ctypes.c_uint64 * 16),  # 240
        ("sample_ds", ctypes.c_uint32 * 256),  # 368
        ("link_full_at", (ctypes.c_uint64 * 35) * 2),  # 1392
        ("neighbor_full_at", ctypes.c_uint64 * 256),  # 1952
        ("bursts", ctypes.c_uint64),  # 4000
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
    Reason.FRAGMENT: "fragment that ends beyond 65,535 bytes, is empty, or does not contain the whole transport header",
    Reason.L4_TRUNCATED: "packet ends inside its TCP, UDP, ICMP or ICMPv6 header",
    Reason.TCP_HEADER_LENGTH: "TCP data offset below 20 bytes or beyond the packet",
    Reason.TCP_FLAGS: "TCP flags that no stack sends together (SYN+FIN, SYN+RST, FIN+RST, none of SYN, RST and ACK)",
    Reason.UDP_LENGTH: "UDP length below 8 bytes or beyond the packet",
    Reason.LAND: "source and destination address are the same (land)",
    Reason.SOURCE_MULTICAST: "source is a multicast address",
    Reason.SOURCE_BROADCAST: "source is the limited broadcast address 255.255.255.255",
    Reason.SOURCE_LOOPBACK: "source is a loopback address",
    Reason.BLACKLIST: "source is on the blacklist",
    Reason.HEADER_SPLIT: "headers are not all in the first buffer segment",
    Reason.HANDOVER_FULL: "ring to the lcore that owns the client is full",
    Reason.TX_FULL: "transmit queue of the other port is full",
    Reason.FRAGMENTS: "packet is a fragment, and the profile refuses fragments",
    Reason.PORTS_TCP: "TCP destination port that the profile does not accept",
    Reason.PORTS_UDP: "UDP destination port that the profile does not accept",
    Reason.UDP_AMPLIFICATION: "response of a UDP reflector: source port and size are those of an amplification attack",
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
    Reason.GEO_ALLOW: "source is not in a country that the profile allows",
    Reason.OUT_OF_STATE: "packet belongs to no tracked connection",
    Reason.OUT_OF_WINDOW: "TCP segment whose sequence or acknowledgment number is outside the connection's window",
    Reason.CONNECTIONS_FULL: "new connection, and the connection table has no room: all entries that it could replace are proven connections",
    Reason.CONNECTIONS_SOURCE: "new connection of a source that already has as many connections as the profile allows",
    Reason.RATE_SOURCE_CONNECTIONS: "more new connections than the limit of one source",
    Reason.RATE_PREFIX_CONNECTIONS: "more new connections than the limit of one source prefix",
    Reason.RATE_DESTINATION_CONNECTIONS: "more new connections than the limit of one destination",
    Reason.RATE_GLOBAL_CONNECTIONS: "more new connections than the limit of the profile",
    Reason.TCP_CHECKSUM: "SYN proxy: the TCP checksum of a segment that it would answer or pass to the protected host is wrong",
    Reason.SOURCE_LINK_LOCAL: "source is link-local (fe80::/10), and the destination is beyond the link",
    Reason.SOURCE_UNUSABLE: "TCP from an address that no host can have: ::, 0.0.0.0/8 or 240.0.0.0/4",
    Reason.SOURCE_ROUTE: "source route: IPv4 option LSRR or SSRR, or IPv6 routing header type 0 with segments left",
    Reason.ICMP_REDIRECT: "ICMP redirect from outside; for ICMPv6, a redirect that the router of the link can't have sent",
    Reason.SYN_PROXY_NO_COOKIE: "SYN proxy is on, and the TCP segment belongs to no connection and returns no valid cookie",
    Reason.SYN_PROXY_FULL: "SYN proxy: no room for another connection that is being opened, for a packet held for one, or for a SYN that only the host can answer",
    Reason.LINK_LIMIT: "more link control frames of one kind than the node passes",
    Reason.NON_IP_LIMIT: "more frames of one kind that is neither IP nor link control than the node passes",
    Reason.ETHERTYPES: "EtherType that the default profile refuses",
    Reason.PROTOCOLS: "IP protocol that the profile refuses",
    Reason.BOGONS: "source is a special-purpose address, which no host on the internet has",
    Reason.WAF_RULE: "request matches a rule",
    Reason.HTTP_OTHER: "data on an HTTP port that does not begin as an HTTP/1 request",
    Reason.HTTP_PREFACE: "HTTP/2 connection preface (prior knowledge) on an HTTP port",
    Reason.HTTP_LEADING: "line ends before the request line, other than one CRLF",
    Reason.HTTP_LINE_END: "line of an HTTP head ends in a bare LF or CR, or in CR CR LF",
    Reason.HTTP_REQUEST_LINE: "request line with a tab or more than one space between its parts, or with a space before or after them",
    Reason.HTTP_METHOD: "HTTP method that is unknown or not in upper case",
    Reason.HTTP_CONNECT: "HTTP method CONNECT",
    Reason.HTTP_TARGET: "request target with a control byte, NUL or a byte beyond ASCII",
    Reason.HTTP_TARGET_FORM: "request target that is neither a path, nor an http or https URI with a host, nor * of OPTIONS",
    Reason.HTTP_TARGET_FRAGMENT: "request target with a #",
    Reason.HTTP_PROTOCOL: "RTSP or ICE in place of HTTP",
    Reason.HTTP_VERSION: "HTTP version other than 1.0 and 1.1, or none",
    Reason.HTTP_LINE_SIZE: "line of an HTTP head of more than 8,192 bytes",
    Reason.HTTP_HEAD_SIZE: "HTTP head of more than 32,768 bytes",
    Reason.HTTP_HEADER_COUNT: "more than 100 HTTP headers",
    Reason.HTTP_HEADER_NAME: "HTTP header whose name is empty or has a byte that is not allowed in names",
    Reason.HTTP_HEADER_COLON: "HTTP header line without a colon, or with a space or tab before the colon",
    Reason.HTTP_HEADER_FOLD: "folded HTTP header line: it begins with a space or a tab",
    Reason.HTTP_HEADER_VALUE: "HTTP header value with a control byte or NUL",
    Reason.HTTP_HOST_MISSING: "HTTP/1.1 request without Host",
    Reason.HTTP_HOST_REPEATED: "more than one Host",
    Reason.HTTP_HOST_INVALID: "Host, or the host in the request target, is empty, a list, has userinfo or is otherwise malformed",
    Reason.HTTP_HOST_DIFFERS: "Host differs from the host in the request target",
    Reason.HTTP_CONTENT_LENGTH: "Content-Length with other characters than digits and surrounding spaces, or too large",
    Reason.HTTP_CONTENT_LENGTH_REPEATED: "more than one Content-Length",
    Reason.HTTP_TRANSFER_ENCODING: "Transfer-Encoding other than one exact 'chunked'",
    Reason.HTTP_LENGTH_AND_CHUNKED: "Content-Length beside Transfer-Encoding",
    Reason.HTTP_CHUNKED_IN_1_0: "Transfer-Encoding in HTTP/1.0",
    Reason.HTTP_UPGRADE: "Upgrade to HTTP/2 (h2c)",
    Reason.HTTP_EXPECT: "Expect other than one 100-continue",
    Reason.HTTP_CONTENT_TYPE: "more than one Content-Type",
    Reason.HTTP_CONTENT_ENCODING: "request body with a Content-Encoding: the node inspects the encoded bytes",
    Reason.HTTP_CHUNK: "chunk of a request body that is malformed, or whose size has more than 16 digits",
    Reason.HTTP_CHUNK_EXTENSION: "chunk of a request body with an extension",
    Reason.HTTP_TRAILERS: "trailers after a chunked request body",
    Reason.HTTP_TRAILER: "trailers that are malformed, too many, or have a name that is allowed only in the head",
    Reason.HTTP_AFTER_CLOSE: "bytes after a request that closes its connection",
    Reason.HTTP_UNPARSED: "HTTP request that the node can't parse, for a reason that is not in this list",
    Reason.HTTP_MULTIPART_BOUNDARY: "multipart boundary that is missing, repeated, malformed or of more than 70 bytes",
    Reason.HTTP_MULTIPART_END: "multipart body without its last boundary",
    Reason.HTTP_MULTIPART_ENCODING: "multipart part with a Content-Transfer-Encoding other than 7bit, 8bit or binary",
    Reason.HTTP_MULTIPART_SYNTAX: "ambiguous multipart body: line ends, part headers, or text before the first boundary",
    Reason.HTTP_BODY_CHARSET: "JSON body that is not UTF-8",
    Reason.HTTP_PATH_ESCAPE: "path with a % that is not followed by two hexadecimal digits",
    Reason.HTTP_PATH_ROOT: "path whose .. segments lead above the root",
    Reason.HTTP_FRAGMENT: "TCP fragment, and the profile inspects HTTP",
    Reason.HTTP_URGENT: "urgent data on an inspected port: hosts remove its bytes from the stream",
    Reason.HTTP_SYN_DATA: "data in a SYN to an inspected port",
    Reason.HTTP_SEQUENCE: "bytes on an inspected port that are outside the host's receive window",
    Reason.HTTP_RETRANSMISSION: "bytes on an inspected port that were retransmitted with other content",
    Reason.HTTP_UNINSPECTED: "bytes on an inspected port that the node can't inspect: it has not seen the start of the connection, or the rules are not in force",
    Reason.RATE_SOURCE_REQUESTS: "more HTTP requests than the limit of one source",
    Reason.RATE_PREFIX_REQUESTS: "more HTTP requests than the limit of one source prefix",
    Reason.RATE_DESTINATION_REQUESTS: "more HTTP requests than the limit of one destination",
    Reason.RATE_GLOBAL_REQUESTS: "more HTTP requests than the limit of the profile",
    Reason.RATE_PATH_REQUESTS: "more HTTP requests for a path than the limit of that path",
    Reason.HTTP_SLOW_HEAD: "HTTP client that takes too long to send the head of a request: the node resets the connection",
    Reason.HTTP_SLOW_BODY: "HTTP client that sends the body of a request too slowly: the node resets the connection",
    Reason.HTTP_SLOW_READ: "HTTP client that acknowledges a response too slowly: the node resets the connection",
    Reason.HTTP_CHECKSUM: "TCP checksum of a segment to inspect is wrong, or the segment is not all in the first buffer",
    Reason.HTTP_POOL: "no room to keep data for inspection: the pool is full, or the source already uses its share",
    Reason.HTTP_BODY_OF_GET: "GET or HEAD with a body, which some servers leave unread on the connection",
    Reason.CONNECTIONS_SHARE: "new connection of a profile that already uses its share of the connection table, and the rest of the table is full",
    Reason.INNER_MALFORMED: "MPLS label stack without an end or of more than 16 labels; header of PPPoE, VXLAN or GRE that is cut off or contradicts itself",
    Reason.INNER_REFUSED: "MPLS, PPPoE, VXLAN or GRE that the rule encapsulation refuses; a fragment of VXLAN or GRE that the rule would judge",
}

STAGE_TEXT: dict[Stage, str] = {
    Stage.PARSE: "find the headers",
    Stage.PROFILE: "select the profile of the protected address",
    Stage.SANITY: "drop malformed packets and source addresses that no host can have",
    Stage.OWNER: "hand over to the lcore that owns the client",
    Stage.LISTS: "allowlist and blacklist",
    Stage.COUNTRY: "countries, blocked or allowed",
    Stage.FILTER: "fragments, ports and reflectors",
    Stage.LIMITS: "token buckets of sources, prefixes, destinations and profiles",
    Stage.CONNECTIONS: "track connections, refuse packets that belong to none",
    Stage.HTTP: "read HTTP/1 requests, refuse ambiguous requests and requests that match a rule",
    Stage.FORWARD: "transmit on the other port",
}

REASON_STAGE: dict[Reason, Stage] = {
    Reason.NONE: Stage.PARSE,
    Reason.ETHERNET_TRUNCATED: Stage.SANITY,
    Reason.VLAN_DEPTH: Stage.SANITY,
    Reason.IP_TRUNCATED: Stage.SANITY,
    Reason.IP_VERSION: Stage.SANITY,
    Reason.IP_HEADER_LENGTH: Stage.SANITY,
    Reason.IP_LENGTH: Stage.SANITY,
    Reason.IP_CHECKSUM: Stage.SANITY,
    Reason.IPV6_EXTENSION: Stage.SANITY,
    Reason.FRAGMENT: Stage.SANITY,
    Reason.L4_TRUNCATED: Stage.SANITY,
    Reason.TCP_HEADER_LENGTH: Stage.SANITY,
    Reason.TCP_FLAGS: Stage.SANITY,
    Reason.UDP_LENGTH: Stage.SANITY,
    Reason.LAND: Stage.SANITY,
    Reason.SOURCE_MULTICAST: Stage.SANITY,
    Reason.SOURCE_BROADCAST: Stage.SANITY,
    Reason.SOURCE_LOOPBACK: Stage.SANITY,
    Reason.BLACKLIST: Stage.LISTS,
    Reason.HEADER_SPLIT: Stage.PARSE,
    Reason.HANDOVER_FULL: Stage.OWNER,
    Reason.TX_FULL: Stage.FORWARD,
    Reason.FRAGMENTS: Stage.FILTER,
    Reason.PORTS_TCP: Stage.FILTER,
    Reason.PORTS_UDP: Stage.FILTER,
    Reason.UDP_AMPLIFICATION: Stage.FILTER,
    Reason.ICMP_LIMIT: Stage.LIMITS,
    Reason.RATE_SOURCE_PACKETS: Stage.LIMITS,
    Reason.RATE_SOURCE_BITS: Stage.LIMITS,
    Reason.RATE_PREFIX_PACKETS: Stage.LIMITS,
    Reason.RATE_PREFIX_BITS: Stage.LIMITS,
    Reason.RATE_DESTINATION_PACKETS: Stage.LIMITS,
    Reason.RATE_DESTINATION_BITS: Stage.LIMITS,
    Reason.RATE_GLOBAL_PACKETS: Stage.LIMITS,
    Reason.RATE_GLOBAL_BITS: Stage.LIMITS,
    Reason.GEO_BLOCK: Stage.COUNTRY,
    Reason.GEO_ALLOW: Stage.COUNTRY,
    Reason.OUT_OF_STATE: Stage.CONNECTIONS,
    Reason.OUT_OF_WINDOW: Stage.CONNECTIONS,
    Reason.CONNECTIONS_FULL: Stage.CONNECTIONS,
    Reason.CONNECTIONS_SOURCE: Stage.CONNECTIONS,
    Reason.RATE_SOURCE_CONNECTIONS: Stage.LIMITS,
    Reason.RATE_PREFIX_CONNECTIONS: Stage.LIMITS,
    Reason.RATE_DESTINATION_CONNECTIONS: Stage.LIMITS,
    Reason.RATE_GLOBAL_CONNECTIONS: Stage.LIMITS,
    Reason.TCP_CHECKSUM: Stage.CONNECTIONS,
    Reason.SOURCE_LINK_LOCAL: Stage.SANITY,
    Reason.SOURCE_UNUSABLE: Stage.SANITY,
    Reason.SOURCE_ROUTE: Stage.SANITY,
    Reason.ICMP_REDIRECT: Stage.SANITY,
    Reason.SYN_PROXY_NO_COOKIE: Stage.CONNECTIONS,
    Reason.SYN_PROXY_FULL: Stage.CONNECTIONS,
    Reason.LINK_LIMIT: Stage.PARSE,
    Reason.NON_IP_LIMIT: Stage.PARSE,
    Reason.ETHERTYPES: Stage.PARSE,
    Reason.PROTOCOLS: Stage.FILTER,
    Reason.BOGONS: Stage.FILTER,
    Reason.WAF_RULE: Stage.HTTP,
    Reason.HTTP_OTHER: Stage.HTTP,
    Reason.HTTP_PREFACE: Stage.HTTP,
    Reason.HTTP_LEADING: Stage.HTTP,
    Reason.HTTP_LINE_END: Stage.HTTP,
    Reason.HTTP_REQUEST_LINE: Stage.HTTP,
    Reason.HTTP_METHOD: Stage.HTTP,
    Reason.HTTP_CONNECT: Stage.HTTP,
    Reason.HTTP_TARGET: Stage.HTTP,
    Reason.HTTP_TARGET_FORM: Stage.HTTP,
    Reason.HTTP_TARGET_FRAGMENT: Stage.HTTP,
    Reason.HTTP_PROTOCOL: Stage.HTTP,
    Reason.HTTP_VERSION: Stage.HTTP,
    Reason.HTTP_LINE_SIZE: Stage.HTTP,
    Reason.HTTP_HEAD_SIZE: Stage.HTTP,
    Reason.HTTP_HEADER_COUNT: Stage.HTTP,
    Reason.HTTP_HEADER_NAME: Stage.HTTP,
    Reason.HTTP_HEADER_COLON: Stage.HTTP,
    Reason.HTTP_HEADER_FOLD: Stage.HTTP,
    Reason.HTTP_HEADER_VALUE: Stage.HTTP,
    Reason.HTTP_HOST_MISSING: Stage.HTTP,
    Reason.HTTP_HOST_REPEATED: Stage.HTTP,
    Reason.HTTP_HOST_INVALID: Stage.HTTP,
    Reason.HTTP_HOST_DIFFERS: Stage.HTTP,
    Reason.HTTP_CONTENT_LENGTH: Stage.HTTP,
    Reason.HTTP_CONTENT_LENGTH_REPEATED: Stage.HTTP,
    Reason.HTTP_TRANSFER_ENCODING: Stage.HTTP,
    Reason.HTTP_LENGTH_AND_CHUNKED: Stage.HTTP,
    Reason.HTTP_CHUNKED_IN_1_0: Stage.HTTP,
    Reason.HTTP_UPGRADE: Stage.HTTP,
    Reason.HTTP_EXPECT: Stage.HTTP,
    Reason.HTTP_CONTENT_TYPE: Stage.HTTP,
    Reason.HTTP_CONTENT_ENCODING: Stage.HTTP,
    Reason.HTTP_CHUNK: Stage.HTTP,
    Reason.HTTP_CHUNK_EXTENSION: Stage.HTTP,
    Reason.HTTP_TRAILERS: Stage.HTTP,
    Reason.HTTP_TRAILER: Stage.HTTP,
    Reason.HTTP_AFTER_CLOSE: Stage.HTTP,
    Reason.HTTP_UNPARSED: Stage.HTTP,
    Reason.HTTP_MULTIPART_BOUNDARY: Stage.HTTP,
    Reason.HTTP_MULTIPART_END: Stage.HTTP,
    Reason.HTTP_MULTIPART_ENCODING: Stage.HTTP,
    Reason.HTTP_MULTIPART_SYNTAX: Stage.HTTP,
    Reason.HTTP_BODY_CHARSET: Stage.HTTP,
    Reason.HTTP_PATH_ESCAPE: Stage.HTTP,
    Reason.HTTP_PATH_ROOT: Stage.HTTP,
    Reason.HTTP_FRAGMENT: Stage.HTTP,
    Reason.HTTP_URGENT: Stage.HTTP,
    Reason.HTTP_SYN_DATA: Stage.HTTP,
    Reason.HTTP_SEQUENCE: Stage.HTTP,
    Reason.HTTP_RETRANSMISSION: Stage.HTTP,
    Reason.HTTP_UNINSPECTED: Stage.HTTP,
    Reason.RATE_SOURCE_REQUESTS: Stage.HTTP,
    Reason.RATE_PREFIX_REQUESTS: Stage.HTTP,
    Reason.RATE_DESTINATION_REQUESTS: Stage.HTTP,
    Reason.RATE_GLOBAL_REQUESTS: Stage.HTTP,
    Reason.RATE_PATH_REQUESTS: Stage.HTTP,
    Reason.HTTP_SLOW_HEAD: Stage.HTTP,
    Reason.HTTP_SLOW_BODY: Stage.HTTP,
    Reason.HTTP_SLOW_READ: Stage.HTTP,
    Reason.HTTP_CHECKSUM: Stage.HTTP,
    Reason.HTTP_POOL: Stage.HTTP,
    Reason.HTTP_BODY_OF_GET: Stage.HTTP,
    Reason.CONNECTIONS_SHARE: Stage.CONNECTIONS,
    Reason.INNER_MALFORMED: Stage.SANITY,
    Reason.INNER_REFUSED: Stage.PARSE,
}

REASON_MODES: dict[Reason, tuple[Mode, ...]] = {
    Reason.NONE: (Mode.ENFORCE,),
    Reason.ETHERNET_TRUNCATED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.VLAN_DEPTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IP_TRUNCATED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IP_VERSION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IP_HEADER_LENGTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IP_LENGTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IP_CHECKSUM: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.IPV6_EXTENSION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.FRAGMENT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.L4_TRUNCATED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.TCP_HEADER_LENGTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.TCP_FLAGS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.UDP_LENGTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.LAND: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SOURCE_MULTICAST: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SOURCE_BROADCAST: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SOURCE_LOOPBACK: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.BLACKLIST: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HEADER_SPLIT: (Mode.ENFORCE,),
    Reason.HANDOVER_FULL: (Mode.ENFORCE,),
    Reason.TX_FULL: (Mode.ENFORCE,),
    Reason.FRAGMENTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.PORTS_TCP: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.PORTS_UDP: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.UDP_AMPLIFICATION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.ICMP_LIMIT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_SOURCE_PACKETS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_SOURCE_BITS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_PREFIX_PACKETS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_PREFIX_BITS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_DESTINATION_PACKETS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_DESTINATION_BITS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_GLOBAL_PACKETS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_GLOBAL_BITS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.GEO_BLOCK: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.GEO_ALLOW: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.OUT_OF_STATE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.OUT_OF_WINDOW: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.CONNECTIONS_FULL: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.CONNECTIONS_SOURCE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_SOURCE_CONNECTIONS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_PREFIX_CONNECTIONS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_DESTINATION_CONNECTIONS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_GLOBAL_CONNECTIONS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.TCP_CHECKSUM: (Mode.ENFORCE,),
    Reason.SOURCE_LINK_LOCAL: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SOURCE_UNUSABLE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SOURCE_ROUTE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.ICMP_REDIRECT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.SYN_PROXY_NO_COOKIE: (Mode.ENFORCE,),
    Reason.SYN_PROXY_FULL: (Mode.ENFORCE,),
    Reason.LINK_LIMIT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.NON_IP_LIMIT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.ETHERTYPES: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.PROTOCOLS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.BOGONS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.WAF_RULE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_OTHER: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_PREFACE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_LEADING: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_LINE_END: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_REQUEST_LINE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_METHOD: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CONNECT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TARGET: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TARGET_FORM: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TARGET_FRAGMENT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_PROTOCOL: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_VERSION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_LINE_SIZE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEAD_SIZE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEADER_COUNT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEADER_NAME: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEADER_COLON: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEADER_FOLD: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HEADER_VALUE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HOST_MISSING: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HOST_REPEATED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HOST_INVALID: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_HOST_DIFFERS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CONTENT_LENGTH: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CONTENT_LENGTH_REPEATED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TRANSFER_ENCODING: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_LENGTH_AND_CHUNKED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CHUNKED_IN_1_0: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_UPGRADE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_EXPECT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CONTENT_TYPE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CONTENT_ENCODING: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CHUNK: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CHUNK_EXTENSION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TRAILERS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_TRAILER: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_AFTER_CLOSE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_UNPARSED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_MULTIPART_BOUNDARY: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_MULTIPART_END: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_MULTIPART_ENCODING: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_MULTIPART_SYNTAX: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_BODY_CHARSET: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_PATH_ESCAPE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_PATH_ROOT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_FRAGMENT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_URGENT: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_SYN_DATA: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_SEQUENCE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_RETRANSMISSION: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_UNINSPECTED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_SOURCE_REQUESTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_PREFIX_REQUESTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_DESTINATION_REQUESTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_GLOBAL_REQUESTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.RATE_PATH_REQUESTS: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_SLOW_HEAD: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_SLOW_BODY: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_SLOW_READ: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.HTTP_CHECKSUM: (Mode.ENFORCE,),
    Reason.HTTP_POOL: (Mode.ENFORCE,),
    Reason.HTTP_BODY_OF_GET: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.CONNECTIONS_SHARE: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.INNER_MALFORMED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
    Reason.INNER_REFUSED: (Mode.OFF, Mode.MONITOR, Mode.ENFORCE),
}

REASON_DEFAULT: dict[Reason, Mode] = {
    Reason.NONE: Mode.ENFORCE,
    Reason.ETHERNET_TRUNCATED: Mode.ENFORCE,
    Reason.VLAN_DEPTH: Mode.ENFORCE,
    Reason.IP_TRUNCATED: Mode.ENFORCE,
    Reason.IP_VERSION: Mode.ENFORCE,
    Reason.IP_HEADER_LENGTH: Mode.ENFORCE,
    Reason.IP_LENGTH: Mode.ENFORCE,
    Reason.IP_CHECKSUM: Mode.ENFORCE,
    Reason.IPV6_EXTENSION: Mode.ENFORCE,
    Reason.FRAGMENT: Mode.ENFORCE,
    Reason.L4_TRUNCATED: Mode.ENFORCE,
    Reason.TCP_HEADER_LENGTH: Mode.ENFORCE,
    Reason.TCP_FLAGS: Mode.ENFORCE,
    Reason.UDP_LENGTH: Mode.ENFORCE,
    Reason.LAND: Mode.ENFORCE,
    Reason.SOURCE_MULTICAST: Mode.ENFORCE,
    Reason.SOURCE_BROADCAST: Mode.ENFORCE,
    Reason.SOURCE_LOOPBACK: Mode.ENFORCE,
    Reason.BLACKLIST: Mode.ENFORCE,
    Reason.HEADER_SPLIT: Mode.ENFORCE,
    Reason.HANDOVER_FULL: Mode.ENFORCE,
    Reason.TX_FULL: Mode.ENFORCE,
    Reason.FRAGMENTS: Mode.ENFORCE,
    Reason.PORTS_TCP: Mode.ENFORCE,
    Reason.PORTS_UDP: Mode.ENFORCE,
    Reason.UDP_AMPLIFICATION: Mode.ENFORCE,
    Reason.ICMP_LIMIT: Mode.ENFORCE,
    Reason.RATE_SOURCE_PACKETS: Mode.ENFORCE,
    Reason.RATE_SOURCE_BITS: Mode.ENFORCE,
    Reason.RATE_PREFIX_PACKETS: Mode.ENFORCE,
    Reason.RATE_PREFIX_BITS: Mode.ENFORCE,
    Reason.RATE_DESTINATION_PACKETS: Mode.ENFORCE,
    Reason.RATE_DESTINATION_BITS: Mode.ENFORCE,
    Reason.RATE_GLOBAL_PACKETS: Mode.ENFORCE,
    Reason.RATE_GLOBAL_BITS: Mode.ENFORCE,
    Reason.GEO_BLOCK: Mode.ENFORCE,
    Reason.GEO_ALLOW: Mode.ENFORCE,
    Reason.OUT_OF_STATE: Mode.MONITOR,
    Reason.OUT_OF_WINDOW: Mode.MONITOR,
    Reason.CONNECTIONS_FULL: Mode.MONITOR,
    Reason.CONNECTIONS_SOURCE: Mode.ENFORCE,
    Reason.RATE_SOURCE_CONNECTIONS: Mode.ENFORCE,
    Reason.RATE_PREFIX_CONNECTIONS: Mode.ENFORCE,
    Reason.RATE_DESTINATION_CONNECTIONS: Mode.ENFORCE,
    Reason.RATE_GLOBAL_CONNECTIONS: Mode.ENFORCE,
    Reason.TCP_CHECKSUM: Mode.ENFORCE,
    Reason.SOURCE_LINK_LOCAL: Mode.ENFORCE,
    Reason.SOURCE_UNUSABLE: Mode.ENFORCE,
    Reason.SOURCE_ROUTE: Mode.ENFORCE,
    Reason.ICMP_REDIRECT: Mode.ENFORCE,
    Reason.SYN_PROXY_NO_COOKIE: Mode.ENFORCE,
    Reason.SYN_PROXY_FULL: Mode.ENFORCE,
    Reason.LINK_LIMIT: Mode.ENFORCE,
    Reason.NON_IP_LIMIT: Mode.ENFORCE,
    Reason.ETHERTYPES: Mode.ENFORCE,
    Reason.PROTOCOLS: Mode.ENFORCE,
    Reason.BOGONS: Mode.ENFORCE,
    Reason.WAF_RULE: Mode.ENFORCE,
    Reason.HTTP_OTHER: Mode.ENFORCE,
    Reason.HTTP_PREFACE: Mode.ENFORCE,
    Reason.HTTP_LEADING: Mode.ENFORCE,
    Reason.HTTP_LINE_END: Mode.ENFORCE,
    Reason.HTTP_REQUEST_LINE: Mode.ENFORCE,
    Reason.HTTP_METHOD: Mode.ENFORCE,
    Reason.HTTP_CONNECT: Mode.ENFORCE,
    Reason.HTTP_TARGET: Mode.ENFORCE,
    Reason.HTTP_TARGET_FORM: Mode.ENFORCE,
    Reason.HTTP_TARGET_FRAGMENT: Mode.ENFORCE,
    Reason.HTTP_PROTOCOL: Mode.ENFORCE,
    Reason.HTTP_VERSION: Mode.ENFORCE,
    Reason.HTTP_LINE_SIZE: Mode.ENFORCE,
    Reason.HTTP_HEAD_SIZE: Mode.ENFORCE,
    Reason.HTTP_HEADER_COUNT: Mode.ENFORCE,
    Reason.HTTP_HEADER_NAME: Mode.ENFORCE,
    Reason.HTTP_HEADER_COLON: Mode.ENFORCE,
    Reason.HTTP_HEADER_FOLD: Mode.ENFORCE,
    Reason.HTTP_HEADER_VALUE: Mode.ENFORCE,
    Reason.HTTP_HOST_MISSING: Mode.ENFORCE,
    Reason.HTTP_HOST_REPEATED: Mode.ENFORCE,
    Reason.HTTP_HOST_INVALID: Mode.ENFORCE,
    Reason.HTTP_HOST_DIFFERS: Mode.ENFORCE,
    Reason.HTTP_CONTENT_LENGTH: Mode.ENFORCE,
    Reason.HTTP_CONTENT_LENGTH_REPEATED: Mode.ENFORCE,
    Reason.HTTP_TRANSFER_ENCODING: Mode.ENFORCE,
    Reason.HTTP_LENGTH_AND_CHUNKED: Mode.ENFORCE,
    Reason.HTTP_CHUNKED_IN_1_0: Mode.ENFORCE,
    Reason.HTTP_UPGRADE: Mode.ENFORCE,
    Reason.HTTP_EXPECT: Mode.ENFORCE,
    Reason.HTTP_CONTENT_TYPE: Mode.ENFORCE,
    Reason.HTTP_CONTENT_ENCODING: Mode.MONITOR,
    Reason.HTTP_CHUNK: Mode.ENFORCE,
    Reason.HTTP_CHUNK_EXTENSION: Mode.ENFORCE,
    Reason.HTTP_TRAILERS: Mode.MONITOR,
    Reason.HTTP_TRAILER: Mode.ENFORCE,
    Reason.HTTP_AFTER_CLOSE: Mode.ENFORCE,
    Reason.HTTP_UNPARSED: Mode.ENFORCE,
    Reason.HTTP_MULTIPART_BOUNDARY: Mode.ENFORCE,
    Reason.HTTP_MULTIPART_END: Mode.ENFORCE,
    Reason.HTTP_MULTIPART_ENCODING: Mode.ENFORCE,
    Reason.HTTP_MULTIPART_SYNTAX: Mode.ENFORCE,
    Reason.HTTP_BODY_CHARSET: Mode.ENFORCE,
    Reason.HTTP_PATH_ESCAPE: Mode.ENFORCE,
    Reason.HTTP_PATH_ROOT: Mode.ENFORCE,
    Reason.HTTP_FRAGMENT: Mode.ENFORCE,
    Reason.HTTP_URGENT: Mode.ENFORCE,
    Reason.HTTP_SYN_DATA: Mode.ENFORCE,
    Reason.HTTP_SEQUENCE: Mode.ENFORCE,
    Reason.HTTP_RETRANSMISSION: Mode.ENFORCE,
    Reason.HTTP_UNINSPECTED: Mode.ENFORCE,
    Reason.RATE_SOURCE_REQUESTS: Mode.ENFORCE,
    Reason.RATE_PREFIX_REQUESTS: Mode.ENFORCE,
    Reason.RATE_DESTINATION_REQUESTS: Mode.ENFORCE,
    Reason.RATE_GLOBAL_REQUESTS: Mode.ENFORCE,
    Reason.RATE_PATH_REQUESTS: Mode.ENFORCE,
    Reason.HTTP_SLOW_HEAD: Mode.ENFORCE,
    Reason.HTTP_SLOW_BODY: Mode.ENFORCE,
    Reason.HTTP_SLOW_READ: Mode.ENFORCE,
    Reason.HTTP_CHECKSUM: Mode.ENFORCE,
    Reason.HTTP_POOL: Mode.ENFORCE,
    Reason.HTTP_BODY_OF_GET: Mode.MONITOR,
    Reason.CONNECTIONS_SHARE: Mode.MONITOR,
    Reason.INNER_MALFORMED: Mode.ENFORCE,
    Reason.INNER_REFUSED: Mode.ENFORCE,
}

ATTACK_TEXT: dict[Attack, str] = {
    Attack.SYN_FLOOD: "TCP SYNs, few of which become connections",
    Attack.ACK_FLOOD: "TCP segments that belong to no connection",
    Attack.RST_FLOOD: "TCP RSTs that belong to no connection",
    Attack.UDP_FLOOD: "UDP datagrams from ports that are not those of reflectors",
    Attack.DNS_AMPLIFICATION: "DNS responses to queries with a forged source address",
    Attack.NTP_AMPLIFICATION: "NTP responses to queries with a forged source address",
    Attack.MEMCACHED_AMPLIFICATION: "memcached responses to queries with a forged source address",
    Attack.SSDP_AMPLIFICATION: "SSDP responses to queries with a forged source address",
    Attack.CLDAP_AMPLIFICATION: "CLDAP responses to queries with a forged source address",
    Attack.UDP_AMPLIFICATION: "responses of other UDP reflectors to queries with a forged source address",
    Attack.ICMP_FLOOD: "ICMP or ICMPv6",
    Attack.FRAGMENT_FLOOD: "IP fragments",
    Attack.MALFORMED_FLOOD: "malformed packets",
    Attack.CONNECTION_FLOOD: "TCP connections with a completed handshake",
    Attack.HTTP_FLOOD: "HTTP requests",
    Attack.SLOWLORIS: "HTTP clients that send or read so slowly that the node resets them",
    Attack.PACKET_FLOOD: "packets of any kind",
    Attack.BIT_FLOOD: "bits of packets of any kind",
    Attack.LINK_FLOOD: "link control frames, such as ARP",
    Attack.NON_IP_FLOOD: "frames that are neither IP nor link control",
}

ATTACK_METRIC: dict[Attack, Metric] = {
    Attack.SYN_FLOOD: Metric.SYNS,
    Attack.ACK_FLOOD: Metric.ACKS,
    Attack.RST_FLOOD: Metric.RSTS,
    Attack.UDP_FLOOD: Metric.UDP,
    Attack.DNS_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.NTP_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.MEMCACHED_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.SSDP_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.CLDAP_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.UDP_AMPLIFICATION: Metric.AMPLIFICATION,
    Attack.ICMP_FLOOD: Metric.ICMP,
    Attack.FRAGMENT_FLOOD: Metric.FRAGMENTS,
    Attack.MALFORMED_FLOOD: Metric.MALFORMED,
    Attack.CONNECTION_FLOOD: Metric.CONNECTIONS,
    Attack.HTTP_FLOOD: Metric.REQUESTS,
    Attack.SLOWLORIS: Metric.SLOW,
    Attack.PACKET_FLOOD: Metric.PACKETS,
    Attack.BIT_FLOOD: Metric.BITS,
    Attack.LINK_FLOOD: Metric.FRAMES,
    Attack.NON_IP_FLOOD: Metric.FRAMES,
}
