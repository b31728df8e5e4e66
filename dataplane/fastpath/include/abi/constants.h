/* abi/constants.h: limits and enums that all parts of the node share. */
#ifndef SB_ABI_CONSTANTS_H
#define SB_ABI_CONSTANTS_H

#include <stdint.h>

enum {
    SB_ABI_VERSION = 1,
    SB_CACHE_LINE = 64,
    SB_PAGE = 4096,
    SB_BURST_MAX = 32,
    SB_LCORES_MAX = 16,
    SB_REASONS_MAX = 256, /* elements of arrays by reason; SB_REASON_COUNT of them are used */
    /* Indices of profiles: room for those of two policies and the default, since a name keeps
     * its index. */
    SB_PROFILES_MAX = 2048,
    SB_POLICY_PROFILES_MAX = 1000, /* profiles of a policy, without the default */
    SB_PROFILE_NAME = 64,          /* bytes, including the terminating 0 */
    SB_PROFILE_TARGETS_MAX = 64,   /* per profile */
    SB_TARGETS_MAX = 65536,        /* of all profiles of a policy together */
    SB_LIMITS_MAX = 13,            /* per profile: one for each scope and unit, and one for ICMP */
    SB_REQUEST_PATHS_MAX = 16,     /* per profile: limits of the requests for one path */
    SB_REQUEST_LIMITS_MAX = 20,    /* per profile: these, and one for each scope */
    SB_REQUEST_PATH = 64,          /* bytes of the path of a limit */
    SB_LIMIT_BURST_S_MAX = 64,     /* seconds in which an empty bucket becomes full */
    SB_PORT_RANGES_MAX = 32,       /* per profile and protocol */
    SB_REFLECTORS_MAX = 64,        /* per profile */
    SB_HTTP_PORTS_MAX = 16,        /* per profile */
    /* Bytes of a body that are inspected, unless the profile sets another limit. */
    SB_HTTP_BODY_LIMIT = 65536,
    SB_HTTP_BODY_LIMIT_MAX = 1 << 20,
    SB_COUNTRY_MAX = 676,            /* 26 * first letter + second + 1, A being 0; 0: not known */
    SB_PROTOCOL_WORDS = 4,           /* words of 64 bits, with one bit for each IP protocol */
    SB_COUNTRY_WORDS = 11,           /* words of 64 bits, with one bit for each country */
    SB_COUNTRY_RANGES_MAX = 1 << 20, /* per database and family */
    SB_LINK_CONTROL_PPS_MAX = 10000, /* per kind, port and lcore; the burst is as large */
    SB_LINK_OTHER_PPS_MAX = 1000,    /* the same for frames that are neither IP nor link control */
    SB_MPLS_LABELS_MAX = 16,         /* per stack */
    SB_NEIGHBORS_MAX = 256,          /* per policy */
    SB_NEIGHBOR_PPS_MAX = 10000, /* exempt packets per neighbour and lcore; the burst is as large */
    SB_RING_SLOTS = 1024,        /* power of two */
    SB_LATENCY_BUCKETS = 21,     /* 20 bounds of SB_LATENCY_BOUNDS_NS and +Inf */
    SB_REJECTED_MAX = 256,       /* power of two: published rejections, the newest ones */
    SB_REJECTED_TEXT = 200,      /* bytes */
    SB_PROTECTED_SHOWN = 32,     /* addresses and profiles for which the SYN proxy is on */
    SB_MOST_HIT_MAX = 1000,      /* published entries with the most hits, per list */
    /* A power of two: the cycles of one burst in so many, and of one scan in so many, are
     * measured. */
    SB_SAMPLED_BURSTS = 64,
    SB_COOKIE_SLOT_S = 64,
    SB_COOKIE_EPOCH = 64,     /* slots for which a secret is used: 68 minutes */
    SB_HANDOVER_SLOTS = 1024, /* power of two: packets in transit from one lcore to another */
    SB_OUTBOX_BUFFERS = 64,
    SB_RELEASED_MAX = 256, /* packets released in one run */
    /* Bytes: Ethernet, two VLAN tags, IPv6, TCP with 40 bytes of options. */
    SB_OWN_HEADERS_MAX = 128,
    /* Bytes; together with 40 bytes of options the default MSS (RFC 9293, 3.7.1). */
    SB_OWN_PAYLOAD_MAX = 496,
    SB_OWN_FRAME_MAX = SB_OWN_HEADERS_MAX + SB_OWN_PAYLOAD_MAX,
    SB_SYN_RATE_DEFAULT = 1000,
    /* SYNs per second that switch the SYN proxy on if most of their handshakes are not
     * completed. */
    SB_SYN_UNANSWERED_MIN = 100,
    /* Tenths of a second for which the SYN proxy stays on after the last second of an attack. */
    SB_SYN_PROXY_HOLD_DS = 300,
    SB_PATH_MTU_PER_S = 1000, /* exempt ICMP errors of the whole node */
    SB_HELD_MAX = 4,          /* held packets of one connection */
    SB_OPENINGS_MAX = 1 << 16,
    SB_FLOWS_MAX = 1 << 24,          /* connections per lcore */
    SB_FLOW_TIMEOUT_DS_MAX = 864000, /* one day */
    SB_FLOW_UNPROVEN_DS_MAX = 1200,
    SB_FLOW_SWEEP_DS = 100,         /* tenths of a second in which a sweep checks all places */
    SB_HTTP_POOL_STEP = 1 << 21,    /* bytes: the size of a pool is a multiple of it */
    SB_HTTP_STRANGER = 0xffffffff,  /* sb_packet.http: the connection has no HTTP record ... */
    SB_HTTP_UNTRACKED = 0xfffffffe, /* ... because the connection table had no place for it */
    SB_RULES_MAX = 65536,      /* slots of WAF rules: used ones, and those of deleted rules that
                                  databases still contain */
    SB_RULE_NAMES_MAX = 8,     /* header names that one rule applies to */
    SB_RULE_PROFILES_MAX = 32, /* profiles of one rule, from two policies together */
    SB_RULE_GROUPS_MAX = 128,  /* groups of rules; 0: rules without a group */
    SB_RULE_GROUP_WORDS = 2,
    SB_RULE_GROUP_NAME = 64,       /* bytes, padded with 0; the last one is 0 */
    SB_EVIDENCE_MAX = 4096,        /* power of two: per lcore */
    SB_EVIDENCE_TEXT = 216,        /* bytes */
    SB_DEADLINE_NEVER = 0x7fffffff /* deadline_ds of an entry without an end */
};

/* The outside port faces the internet, the inside port the protected servers. */
enum sb_port { SB_PORT_OUTSIDE, SB_PORT_INSIDE, SB_PORT_COUNT };

enum sb_verdict {
    SB_VERDICT_PASS,        /* forwarded through the other port */
    SB_VERDICT_DROP,        /* freed; packet.reason is the reason */
    SB_VERDICT_CONSUMED,    /* absorbed or answered */
    SB_VERDICT_HELD,        /* kept by a stage, which releases it or gives it up */
    SB_VERDICT_HANDED_OVER, /* in transit to the lcore that owns its client */
    SB_VERDICT_COUNT
};

enum sb_mode { SB_MODE_OFF, SB_MODE_MONITOR, SB_MODE_ENFORCE, SB_MODE_COUNT };

/* The modes that a reason may have, as named in reasons.def: bit m for mode m. */
#define SB_MODES_STRUCTURAL (1 << SB_MODE_ENFORCE)
#define SB_MODES_ANY (1 << SB_MODE_OFF | 1 << SB_MODE_MONITOR | 1 << SB_MODE_ENFORCE)

enum sb_stage {
#define SB_STAGE(name, text) SB_STAGE_##name,
#include "defs/stages.def"
#undef SB_STAGE
    SB_STAGE_COUNT
};

enum sb_reason {
#define SB_REASON(name, stage, modes, standard, text) SB_REASON_##name,
#include "defs/reasons.def"
#undef SB_REASON
    SB_REASON_COUNT
};

/* Kinds of frames that pass because they are link control or not IP; see link.def. */
enum sb_link {
#define SB_LINK(name, rule, first, last, text) SB_LINK_##name,
#define SB_LINK_PROTOCOL(name, rule, protocol, port, text) SB_LINK_##name,
#include "defs/link.def"
#undef SB_LINK
#undef SB_LINK_PROTOCOL
    SB_LINK_COUNT
};

/* Routing protocols of neighbours, the routers that a policy names; see neighbor.def. */
enum sb_neighbor {
#define SB_NEIGHBOR(name, protocol, port, text) SB_NEIGHBOR_##name,
#define SB_NEIGHBOR_ALSO(name, protocol, port)
#include "defs/neighbor.def"
#undef SB_NEIGHBOR
#undef SB_NEIGHBOR_ALSO
    SB_NEIGHBOR_COUNT
};

/* Encapsulations of an IP packet: between Ethernet and IP, or an outer IP packet. */
enum sb_encapsulation {
    SB_ENCAPSULATION_MPLS,  /* RFC 3032 */
    SB_ENCAPSULATION_PPPOE, /* a session: RFC 2516 */
    SB_ENCAPSULATION_VXLAN, /* RFC 7348 */
    SB_ENCAPSULATION_GRE,   /* RFC 2784 */
    SB_ENCAPSULATION_COUNT
};

/* The treatment of an encapsulation, as a policy sets it. */
enum sb_inside {
    SB_INSIDE_JUDGE,  /* the packet inside is judged */
    SB_INSIDE_PASS,   /* the packet inside is not judged */
    SB_INSIDE_REFUSE, /* packets from outside are refused */
    SB_INSIDE_COUNT
};

/* Kinds of frames that the node originates. */
enum sb_origin {
    SB_ORIGIN_ANSWER, /* a SYN-ACK with a cookie, to a client */
    SB_ORIGIN_RETRY,  /* a repeated SYN, to a protected host */
    SB_ORIGIN_RESET,
    SB_ORIGIN_OPEN,    /* the first SYN of a connection to a protected host */
    SB_ORIGIN_REFUSAL, /* an answer to a client whose HTTP request was refused */
    SB_ORIGIN_COUNT
};

/* The two lists. A network can be on both. An entry stores the list in one bit. */
enum sb_list { SB_LIST_BLACKLIST, SB_LIST_ALLOWLIST, SB_LIST_COUNT };

#endif
