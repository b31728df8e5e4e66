/* abi.h: everything that C and Python share, declared once.
 *
 * Includes only stdint. A probe object compiled from it with -g is read by pyelftools; the
 * generator writes dataplane/abi.py and the layout hash that both sides compare at load. Change a
 * line here, run `make abi`.
 *
 * Addresses are 16 bytes in network order; IPv4 is mapped (::ffff:a.b.c.d), so prefix lengths run
 * from 0 to 128 in one space and an IPv4 /24 is 120. Times: boot_ds is CLOCK_BOOTTIME in tenths of
 * a second, boot_ms in milliseconds.
 */
#ifndef SB_ABI_H
#define SB_ABI_H

#include <stdint.h>

enum {
    SB_ABI_VERSION = 1,
    SB_CACHE_LINE = 64,
    SB_PAGE = 4096,
    SB_BURST_MAX = 32,
    SB_LCORES_MAX = 16,
    SB_PROFILES_MAX = 2048,          /* two policies of 1,000 and the default: names keep theirs */
    SB_PROFILE_NAME = 64,            /* bytes, the ending 0 included */
    SB_LIMITS_MAX = 10,              /* of one profile */
    SB_LIMIT_BURST_S_MAX = 64,       /* in which an empty bucket fills */
    SB_PORT_RANGES_MAX = 32,         /* of one profile and protocol */
    SB_REFLECTORS_MAX = 64,          /* of one profile */
    SB_COUNTRY_MAX = 676,            /* 26 * first letter + second + 1, A being 0; 0: not known */
    SB_COUNTRY_WORDS = 11,           /* of 64 bits, one for each country */
    SB_COUNTRY_RANGES_MAX = 1 << 20, /* of a database and family */
    SB_RING_SLOTS = 1024,            /* power of two */
    SB_LATENCY_BUCKETS = 20,         /* 19 bounds of SB_LATENCY_BOUNDS_NS and +Inf */
    SB_REJECTED_MAX = 256,           /* power of two */
    SB_SAMPLED_BURSTS = 64,          /* power of two: of so many, the cycles of one are measured */
    SB_COOKIE_SLOT_S = 64,
    SB_COOKIE_EPOCH = 64, /* slots for which a secret is used: 68 minutes */
    SB_OUTBOX_BUFFERS = 64,
    SB_OUTBOX_MAX = 256,
    SB_FRAME_OWN_MAX = 128, /* bytes: Ethernet, two tags, IPv6, TCP with 40 of options */
    SB_SYN_RATE_DEFAULT = 1000,
    SB_SYN_UNANSWERED_MIN = 100, /* SYNs a second, from which on it matters how many are answered */
    SB_SYN_PROXY_HOLD_DS = 300,  /* how long it stays on after the last second of attack */
    SB_HELD_MAX = 4,             /* packets of one connection */
    SB_OPENINGS_MAX = 1 << 16,
    SB_FLOWS_MAX = 1 << 24,          /* connections of one lcore */
    SB_FLOW_TIMEOUT_DS_MAX = 864000, /* a day */
    SB_FLOW_UNPROVEN_DS_MAX = 1200,
    SB_FLOW_SWEEP_DS = 100,        /* in which all places are looked at */
    SB_DEADLINE_NEVER = 0x7fffffff /* boot_ds of an entry without end */
};

/* The outside port faces the internet, the inside port the protected servers. */
enum sb_port { SB_PORT_OUTSIDE, SB_PORT_INSIDE, SB_PORT_COUNT };

enum sb_verdict {
    SB_VERDICT_PASS,     /* goes out of the other port */
    SB_VERDICT_DROP,     /* freed; packet.reason says why */
    SB_VERDICT_CONSUMED, /* absorbed or answered */
    SB_VERDICT_HELD,     /* kept for later, or on its way to the lcore that owns it */
    SB_VERDICT_COUNT
};

enum sb_mode { SB_MODE_OFF, SB_MODE_MONITOR, SB_MODE_ENFORCE, SB_MODE_COUNT };

enum sb_stage {
#define SB_STAGE(name, text) SB_STAGE_##name,
#include "stages.def"
#undef SB_STAGE
    SB_STAGE_COUNT
};

enum sb_reason {
#define SB_REASON(name, stage, mode, text) SB_REASON_##name,
#include "reasons.def"
#undef SB_REASON
    SB_REASON_COUNT
};

/* What the node itself sends. */
enum sb_origin {
    SB_ORIGIN_ANSWER, /* a SYN with a cookie, to a client */
    SB_ORIGIN_RETRY,  /* a SYN once more, to a protected host */
    SB_ORIGIN_RESET,
    SB_ORIGIN_OPEN, /* a SYN to a protected host */
    SB_ORIGIN_COUNT
};

/* One network's two lists; the values are bits of an entry. */
enum sb_list { SB_LIST_BLACKLIST, SB_LIST_ALLOWLIST, SB_LIST_COUNT };

enum sb_packet_flag {
    SB_PACKET_FRAGMENT = 1 << 0,       /* any fragment */
    SB_PACKET_FRAGMENT_LATER = 1 << 1, /* a fragment without transport header */
    SB_PACKET_LINK_SCOPE = 1 << 2, /* ARP, ND, MLD, DAD, fe80::/10, LLDP, other non-IP: passes */
    SB_PACKET_CUT = 1 << 3,        /* a capture's snaplen ended it: short is not truncated */
    SB_PACKET_CUT_SHORT = 1 << 4,  /* set by parse: cut before its headers ended, so not judged */
    SB_PACKET_CHECKSUM_GOOD = 1 << 5, /* the NIC has verified the IPv4 header checksum */
    SB_PACKET_ALLOWED = 1 << 6,       /* on the allowlist */
    SB_PACKET_WOULD_DROP = 1 << 7,    /* a stage in monitor mode has counted it */
    SB_PACKET_PLAIN =
        1 << 8, /* untagged IPv4 without options, whole TCP or UDP header, no anomaly */
    SB_PACKET_ANSWER =
        1 << 9 /* consumed; its bytes are the answer, which goes out where it came in */
};

/* One packet of a burst; one cache line. The owner of the mbuf fills what comes before profile (and
 * the flags CUT and CHECKSUM_GOOD), parse the rest. */
struct sb_packet {
    uint64_t mbuf;      /* handle of whoever owns the bytes; no stage looks at it */
    uint64_t data;      /* address of the first byte of the Ethernet header */
    uint64_t rx_tsc;    /* when its burst was received */
    uint32_t length;    /* bytes on the wire, without FCS */
    uint16_t available; /* bytes at data: first segment, or what the capture kept; <= length */
    uint16_t flags;     /* enum sb_packet_flag */
    uint16_t port;      /* enum sb_port it came in from */
    uint16_t profile;   /* index of the profile of the protected address; 0 is the default */
    uint16_t l3_offset; /* offsets from data; 0 where there is no such header */
    uint16_t l4_offset; /* of TCP, UDP, ICMP, ICMPv6: their fixed header is readable */
    uint16_t payload_offset;
    uint16_t client_offset;    /* of the outside address, 4 or 16 bytes by ip_version */
    uint16_t protected_offset; /* of the inside address */
    uint16_t vlan_id;          /* outermost tag, 0 if none */
    uint8_t vlan_count;
    uint8_t ip_version; /* 4, 6, or 0 where the addresses can't be read */
    uint8_t protocol;   /* the last one known, with or without its header at l4_offset */
    uint8_t anomaly;    /* enum sb_reason found by parse, judged by sanity */
    uint8_t verdict;    /* enum sb_verdict */
    uint8_t reason;     /* enum sb_reason */
    uint16_t owner;     /* index of the lcore that owns the client */
    uint16_t origin;    /* in the outbox: enum sb_origin; SB_ORIGIN_COUNT: was held, is forwarded */
    uint8_t reserved[6];
};

/* A burst: stages walk live[0..live_count) and leave the survivors there, in order. What is keyed
 * by client walks judged: of the survivors, those from outside whose addresses are known; from
 * lists on without those on the allowlist. */
struct sb_burst {
    uint16_t count;
    uint16_t live_count;
    uint8_t live[SB_BURST_MAX];
    uint32_t judged;         /* bit i: packets[i] */
    uint32_t is_plain;       /* 1: all are SB_PACKET_PLAIN and from outside; 0: perhaps not */
    uint32_t is_one_profile; /* 1: all have the same; 0: perhaps not */
    uint8_t reserved[16];
    struct sb_packet packets[SB_BURST_MAX];
};

/* Memory for a frame of our own: at least SB_FRAME_OWN_MAX bytes at data. */
struct sb_buffer {
    uint64_t mbuf; /* handle of whoever owns it */
    uint64_t data;
};

/* What stages send beside the packets of a burst: a frame of our own, or a packet that was held.
 * Whoever runs the pipeline fills buffers before and takes packets after each run. A packet leaves
 * by the port that is not its own. */
struct sb_outbox {
    uint32_t buffer_count;
    uint32_t packet_count;
    struct sb_buffer buffer[SB_OUTBOX_BUFFERS];
    struct sb_packet packet[SB_OUTBOX_MAX];
};

/* Time as an argument: never read inside a stage. */
struct sb_time {
    uint64_t tsc;
    uint32_t boot_ds;
    uint32_t reserved;
};

/* Whether handshakes of a profile's destinations go through the SYN proxy. */
enum sb_syn_proxy { SB_SYN_PROXY_OFF, SB_SYN_PROXY_AUTO, SB_SYN_PROXY_ALWAYS, SB_SYN_PROXY_COUNT };

/* Whose packets a limit counts together. */
enum sb_scope {
    SB_SCOPE_SOURCE,      /* one client */
    SB_SCOPE_PREFIX,      /* the clients of one prefix */
    SB_SCOPE_DESTINATION, /* one protected address, or one prefix of them */
    SB_SCOPE_GLOBAL,      /* all that the profile protects */
    SB_SCOPE_COUNT
};

enum sb_unit {
    SB_UNIT_PACKETS,
    SB_UNIT_BITS,
    SB_UNIT_CONNECTIONS, /* TCP segments that begin one: SYN without ACK */
    SB_UNIT_COUNT
};

/* A token bucket, with its tokens expressed as the time that they take to come in: an increment is
 * spent per packet or bit, and a full bucket holds a burst. Times are nanoseconds with 16
 * fractional bits. */
struct sb_limit {
    uint64_t increment_q16;
    uint64_t burst_q16; /* at most SB_LIMIT_BURST_NS_MAX, and room for the largest packet */
    uint64_t salt;      /* limits and profiles count apart; filled by sb_policy_build */
    uint8_t scope;      /* enum sb_scope */
    uint8_t unit;       /* enum sb_unit */
    uint8_t reason;     /* enum sb_reason */
    uint8_t icmp_only;  /* 1: ICMP and ICMPv6 alone are counted */
    uint8_t bits_ipv4;  /* of the address that are told apart: 0 to 32 */
    uint8_t bits_ipv6;  /* 0 to 128 */
    uint8_t reserved[2];
};

#define SB_LIMIT_BURST_NS_MAX (SB_LIMIT_BURST_S_MAX * 1000000000ull)

struct sb_port_range {
    uint16_t first;
    uint16_t last;
};

/* Destination ports: ascending, disjoint ranges. */
struct sb_port_rule {
    uint16_t count;
    uint16_t is_deny; /* 1: the ranges are refused, 0: all others are */
    struct sb_port_range range[SB_PORT_RANGES_MAX];
};

/* A UDP service that answers with more than it was asked: what comes from its port and is at least
 * so long is taken for its answer to a forged question. */
struct sb_reflector {
    uint16_t port;
    uint16_t size_min; /* bytes of the UDP datagram, header included */
};

/* How far a connection has come; UDP and ICMP have connections of a kind. */
enum sb_flow_state {
    SB_FLOW_STATE_SYN_SENT,     /* one side has sent a SYN */
    SB_FLOW_STATE_SYN_RECEIVED, /* both sides have; not both acknowledged */
    SB_FLOW_STATE_ESTABLISHED,
    SB_FLOW_STATE_HALF_CLOSED, /* one side has sent a FIN */
    SB_FLOW_STATE_CLOSED,      /* both have */
    SB_FLOW_STATE_RESET,
    SB_FLOW_STATE_PICKED_UP, /* TCP whose beginning was not seen, and only one side of it yet */
    SB_FLOW_STATE_ONE_WAY,   /* UDP, ICMP echo: no answer yet */
    SB_FLOW_STATE_TWO_WAY,
    SB_FLOW_STATE_COUNT
};

/* How long a connection is kept without a packet, by enum sb_flow_state; tenths of a second, 1 to
 * SB_FLOW_TIMEOUT_DS_MAX; those that can be of an unproven one at most SB_FLOW_UNPROVEN_DS_MAX. */
struct sb_flow_timeouts {
    uint32_t ds[SB_FLOW_STATE_COUNT];
};

/* What a profile has to say beyond modes: bits. */
enum sb_use {
    SB_USE_FRAGMENTS = 1 << 0,
    SB_USE_PORTS_TCP = 1 << 1,
    SB_USE_PORTS_UDP = 1 << 2,
    SB_USE_REFLECTORS = 1 << 3,
    SB_USE_LIMITS = 1 << 4,
    SB_USE_GEO_BLOCK = 1 << 5,
    SB_USE_GEO_ALLOW = 1 << 6
};

/* What protects one set of destinations. Filled before its policy is built, never changed after. */
struct sb_profile {
    uint8_t mode[64];     /* enum sb_mode by enum sb_reason */
    uint32_t uses;        /* bits of enum sb_use */
    uint32_t limit_count; /* at most SB_LIMITS_MAX */
    uint32_t reflector_count;
    uint32_t connections_max; /* that one source may have established; 0: any number */
    uint32_t syn_proxy;       /* enum sb_syn_proxy */
    uint32_t syn_rate; /* AUTO: more SYNs a second to one destination switch it on; 1 or more */
    struct sb_limit limit[SB_LIMITS_MAX];
    struct sb_port_rule ports_tcp;
    struct sb_port_rule ports_udp;
    struct sb_reflector reflector[SB_REFLECTORS_MAX]; /* ascending by port, one each */
    uint64_t geo_block[SB_COUNTRY_WORDS];             /* bit c % 64 of word c / 64: country c */
    uint64_t geo_allow[SB_COUNTRY_WORDS];
} __attribute__((aligned(64)));

/* --- statistics: plain uint64_t, one writer each ---------------------------------------------- */

struct sb_port_stats {
    uint64_t received;
    uint64_t received_bytes;
    uint64_t forwarded; /* of what this port received */
    uint64_t forwarded_bytes;
    uint64_t consumed;
    uint64_t held_now; /* sums to the truth over all lcores, modulo 2^64 */
    uint64_t dropped[SB_REASON_COUNT];
    uint64_t dropped_bytes;
};

struct sb_stage_stats {
    uint64_t packets; /* that entered */
    uint64_t dropped;
    uint64_t sampled_packets; /* in the bursts whose cycles were measured */
    uint64_t sampled_cycles;
};

struct sb_origin_stats {
    uint64_t originated;
    uint64_t sent;
    uint64_t tx_full;
};

struct sb_connection_stats {
    uint64_t active; /* in the table now */
    uint64_t proven; /* of those: the client has shown that it receives what is sent to it */
    uint64_t opened; /* ever */
    uint64_t expired;
    uint64_t evicted;   /* unproven ones that gave their place to a newer one */
    uint64_t untracked; /* found no place, as all around were proven */
    uint64_t opening;   /* of the active: proven by a cookie, the protected host has not answered */
    uint64_t accepted;  /* ever opened so */
    uint64_t failed;    /* of those: refused, silent, or given up by the client */
};

struct sb_profile_stats {
    uint64_t count[SB_REASON_COUNT]
                  [SB_MODE_COUNT]; /* monitor: would have dropped; enforce: dropped */
};

/* Which profile counts under an index; all zero: none does. */
struct sb_profile_label {
    uint8_t name[SB_PROFILE_NAME];
};

struct sb_lcore_stats {
    uint64_t heartbeat; /* turns of the loop */
    uint64_t busy_cycles;
    uint64_t total_cycles;
    uint64_t misrouted;     /* arrived at an lcore that does not own the client */
    uint64_t handover_lost; /* of those, dropped because the ring was full */
    uint64_t events_lost;
    uint64_t latency_count;
    uint64_t latency_sum_ns;
    uint64_t latency_bucket[SB_LATENCY_BUCKETS]; /* not cumulative */
    struct sb_connection_stats connections;
    struct sb_port_stats port[SB_PORT_COUNT];
    struct sb_stage_stats stage[SB_STAGE_COUNT];
    struct sb_origin_stats origin[SB_ORIGIN_COUNT];
    struct sb_profile_stats profile[SB_PROFILES_MAX];
} __attribute__((aligned(4096)));

/* What the driver counts, copied by the control loop. */
struct sb_device_stats {
    uint64_t missed;  /* rte_eth_stats.imissed */
    uint64_t errors;  /* ierrors */
    uint64_t no_mbuf; /* rx_nombuf */
    uint64_t tx_errors;
    uint64_t link_up; /* 0 or 1 */
    uint64_t speed_mbps;
};

enum sb_state { SB_STATE_STARTING, SB_STATE_RUNNING, SB_STATE_DRAINING, SB_STATE_COUNT };

/* Why the node is degraded: bits. */
enum sb_degraded {
    SB_DEGRADED_STATE_LOG = 1 << 0, /* unreadable; runs on the last good generation */
    SB_DEGRADED_REJECTED = 1 << 1,  /* an entry could not be applied */
    SB_DEGRADED_LINK = 1 << 2,      /* a port has no link */
    SB_DEGRADED_COUNTRIES = 1 << 3  /* no database though the policy asks, or one that is no good */
};

struct sb_rejected {
    uint64_t revision;
    uint64_t error; /* errno */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t list;
};

/* First page(s) of the stats mapping; written by the control loop only. */
struct sb_stats_header {
    uint64_t magic; /* SB_STATS_MAGIC */
    uint8_t abi_hash[32];
    uint8_t boot_id[16];
    uint8_t database_id[16];  /* of the state that is applied; zero: none */
    uint64_t applied_through; /* newest revision read and applied ... */
    uint64_t loading;         /* ... but this one, an import that is still being loaded; 0: none */
    uint64_t state;           /* enum sb_state */
    uint64_t degraded;        /* bits of enum sb_degraded */
    uint64_t heartbeat_boot_ms;
    uint64_t started_boot_ms;
    uint64_t pid;
    uint64_t tsc_hz;
    uint64_t lcore_count;
    uint64_t profile_count;      /* names in force, the default included */
    uint64_t syn_proxy_profiles; /* of those: have the SYN proxy */
    uint64_t hugepages;          /* 1: packet memory lies in hugepages */
    uint64_t addresses_max;
    uint64_t addresses_used;
    uint64_t prefixes_max; /* per family */
    uint64_t prefixes_used_ipv4;
    uint64_t prefixes_used_ipv6;
    uint64_t connections_max; /* of all lcores together */
    uint64_t mbufs_max;
    uint64_t mbufs_used;
    uint64_t cpu_busy_ppm;    /* of the worker lcores, last second */
    uint64_t latency_mean_ns; /* of a packet in the node, last 10 s */
    uint64_t memory_bytes;    /* proportional set size and reserved hugepages */
    uint64_t events_lost;     /* of the control loop's own ring */
    uint64_t countries_date;  /* of the country database's data, seconds since 1970; 0: none */
    uint64_t countries_ranges_ipv4;
    uint64_t countries_ranges_ipv6;
    uint64_t countries_bytes; /* of the table in use */
    uint64_t rejected_count;  /* ever; the newest SB_REJECTED_MAX are kept */
    struct sb_rejected rejected[SB_REJECTED_MAX];
    struct sb_device_stats device[SB_PORT_COUNT];
    uint64_t profile_version; /* odd while names and profile_removed change */
    struct sb_profile_label profile_label[SB_PROFILES_MAX];
    struct sb_profile_stats profile_removed; /* what profiles had counted that are no more */
} __attribute__((aligned(4096)));

#define SB_STATS_MAGIC 0x53656342656174ull /* "SecBeat" */

/* Upper bounds of the latency buckets in nanoseconds, as an initializer; the last bucket has none
 * (+Inf). */
#define SB_LATENCY_BOUNDS_NS                                                                       \
    {                                                                                              \
        1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000,  \
            10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000              \
    }

struct sb_stats {
    struct sb_stats_header header;
    struct sb_lcore_stats lcore[SB_LCORES_MAX]; /* lcore_count of them are used */
};

/* --- rings: SPSC, 64-byte elements; each cursor on a page that only its owner can write ------- */

enum sb_message {
    SB_MESSAGE_NONE,
    SB_MESSAGE_DOORBELL,    /* command: sb_doorbell */
    SB_MESSAGE_EXPLAIN,     /* command: sb_explain; reply: sb_explained */
    SB_MESSAGE_DRAIN,       /* command: stop receiving, finish, exit */
    SB_MESSAGE_DROP_SAMPLE, /* event: sb_drop_sample */
    SB_MESSAGE_NOTICE,      /* event: sb_notice */
    SB_MESSAGE_COUNT
};

struct sb_ring_element {
    uint64_t sequence; /* 1 + the producer's cursor when it was written */
    uint32_t kind;     /* enum sb_message */
    uint32_t reserved;
    uint8_t payload[48];
};

struct sb_ring_producer { /* written by the producer only */
    uint64_t cursor;      /* elements ever pushed */
    uint8_t reserved[SB_PAGE - 8];
    struct sb_ring_element slots[SB_RING_SLOTS];
};

struct sb_ring_consumer { /* written by the consumer only */
    uint64_t cursor;      /* elements ever popped */
    uint8_t reserved[SB_PAGE - 8];
};

struct sb_doorbell {
    uint64_t revision;
    uint8_t reserved[40];
};

struct sb_explain {
    uint64_t id;               /* chosen by the client, returned in the reply */
    uint64_t deadline_boot_ms; /* no reply is sent after it */
    uint8_t key[16];
    uint8_t prefix_length; /* 0 to 128 */
    uint8_t list;          /* enum sb_list */
    uint8_t reserved[14];
};

struct sb_explained {
    uint64_t id;
    uint64_t hits;
    uint32_t deadline_ds; /* SB_DEADLINE_NEVER: no end */
    uint32_t found;       /* 1: in the table and not expired */
    uint8_t reserved[24];
};

struct sb_drop_sample {
    uint64_t boot_ds;
    uint8_t client[16];
    uint8_t protected_address[16];
    uint16_t profile;
    uint8_t reason;
    uint8_t mode;
    uint8_t port;
    uint8_t protocol;
    uint8_t reserved[2];
};

enum sb_notice_kind {
    SB_NOTICE_STARTED,
    SB_NOTICE_DRAINING,
    SB_NOTICE_STATE_LOG_DEGRADED,
    SB_NOTICE_STATE_LOG_RECOVERED,
    SB_NOTICE_REJECTED,
    SB_NOTICE_LINK_CHANGED,
    SB_NOTICE_CLIENT_REFUSED,    /* a client broke the protocol */
    SB_NOTICE_COUNTRIES_LOADED,  /* another country database is in use */
    SB_NOTICE_COUNTRIES_REFUSED, /* one can't be; the one before stays */
    SB_NOTICE_SYN_PROXY_ON, /* for a destination, as its profile says AUTO; value: SYNs a second */
    SB_NOTICE_SYN_PROXY_OFF,
    SB_NOTICE_COUNT
};

struct sb_notice {
    uint64_t boot_ms;
    uint64_t notice; /* enum sb_notice_kind */
    uint64_t value;  /* revision, port or errno */
    uint8_t address[16];
    uint8_t reserved[8];
};

/* --- lists ------------------------------------------------------------------------------------ */

struct sb_list_record { /* one entry to put or remove */
    uint8_t key[16];
    uint32_t deadline_ds; /* ignored when removing */
    uint8_t prefix_length;
    uint8_t list;   /* enum sb_list */
    int16_t result; /* out: 0 added, 1 replaced or removed, -errno */
};

struct sb_list_entry { /* what a look-up of one exact entry answers */
    uint64_t hits;
    uint32_t deadline_ds;
    uint32_t found;
};

struct sb_lists_usage {
    uint64_t addresses_max;
    uint64_t addresses_used;
    uint64_t prefixes_max;
    uint64_t prefixes_used_ipv4;
    uint64_t prefixes_used_ipv6;
    uint64_t bytes;
};

/* --- countries -------------------------------------------------------------------------------- */

/* From its first address to the next range's; the last reaches to the end of the family. */
struct sb_country_range {
    uint64_t hi; /* first address; IPv4 stands in the top 32 bits */
    uint64_t lo;
    uint16_t country; /* 0 to SB_COUNTRY_MAX */
    uint8_t reserved[6];
};

/* --- replay ----------------------------------------------------------------------------------- */

struct sb_replay_record {  /* a packet of a capture that lies in a buffer */
    uint64_t timestamp_ns; /* since the epoch */
    uint64_t offset;       /* in the buffer */
    uint64_t captured;     /* bytes there */
    uint64_t length;       /* bytes on the wire; more than captured: cut by snaplen */
};

struct sb_replay_prefix { /* an address is inside if (address & mask) == key */
    uint8_t key[16];
    uint8_t mask[16];
};

/* What a replay runs on and what it counts beside the lcore's statistics. */
struct sb_replay {
    uint64_t lcore;    /* struct sb_lcore *; its node has one lcore and a TSC of 1 GHz */
    uint64_t prefixes; /* const struct sb_replay_prefix *: the protected addresses */
    uint64_t prefix_count;
    uint64_t started;   /* 1: the clock runs */
    uint64_t first_ns;  /* timestamp of the first packet */
    uint64_t clock_ns;  /* the newest timestamp so far: the clock never goes back */
    uint64_t backwards; /* packets stamped before it, taken as of that time */
    uint64_t inside_both;
    uint64_t inside_neither;
    uint64_t no_address; /* not IP, or malformed before its addresses */
    uint64_t cut;        /* by snaplen */
    uint64_t cut_short;  /* of those, before the headers ended: forwarded without judgement */
    uint64_t link_scope;
    uint64_t allowed; /* by the allowlist */
};

/* --- what the worker runs on; allocated by Python before launch ------------------------------- */

/* Quiescent-state counters: a reader that has counted on since holds no old pointer. count 0:
 * nobody reads. */
struct sb_reader {
    uint64_t quiescent;
    uint8_t reserved[SB_CACHE_LINE - 8];
};

struct sb_readers {
    uint64_t count;
    uint8_t reserved[SB_CACHE_LINE - 8];
    struct sb_reader reader[SB_LCORES_MAX];
};

/* Shared by all lcores of a node. Pointers are stored as addresses; those marked (swap) change
 * while workers run. */
struct sb_node {
    uint64_t lists;     /* struct sb_lists * */
    uint64_t policy;    /* const struct sb_policy *, (swap) */
    uint64_t countries; /* const struct sb_countries *, (swap), 0: no database */
    uint64_t owner_key[2];
    uint32_t lcore_count;
    uint32_t boot_ds;           /* written by the control loop every turn */
    uint32_t stop;              /* 1: drain and return */
    uint32_t ns_per_tsc_q24;    /* nanoseconds per TSC cycle, 24 fractional bits */
    uint32_t learning_until_ds; /* until then a connection may be met in its midst */
    uint32_t cookie_slot;       /* of SB_COOKIE_SLOT_S seconds since 1970; 0: no cookies */
    uint64_t cookie_key[2][2];  /* by epoch, of SB_COOKIE_EPOCH slots, modulo 2 */
    struct sb_readers readers;
};

struct sb_lcore {
    uint64_t node;            /* struct sb_node * */
    uint64_t stats;           /* struct sb_lcore_stats * */
    uint64_t events;          /* struct sb_ring_producer *, 0: none */
    uint64_t events_consumer; /* const struct sb_ring_consumer *, (swap), 0: nobody listens */
    uint64_t limits;          /* struct sb_limits *: its buckets, 0: none */
    uint64_t flows;           /* struct sb_flows *: its connections, 0: none are tracked */
    uint64_t syn_proxy;       /* struct sb_syn_proxy_table *, 0: none */
    uint64_t outbox;          /* struct sb_outbox *, 0: stages send nothing of their own */
    uint64_t pool;            /* struct rte_mempool *: where the worker takes its buffers from */
    uint64_t policy;          /* of the burst at hand: the node's when it began */
    uint32_t index;           /* 0 .. lcore_count - 1; also the queue on both ports */
    uint16_t port_id[SB_PORT_COUNT];      /* DPDK port numbers */
    uint64_t handover_in[SB_LCORES_MAX];  /* struct sb_handover * from that lcore */
    uint64_t handover_out[SB_LCORES_MAX]; /* struct sb_handover * to that lcore */
    uint32_t sample_ds[64];               /* boot_ds of the last drop sample, by reason */
    uint64_t bursts; /* that the pipeline ran; one in SB_SAMPLED_BURSTS is measured */
};

#endif
