/* abi/constants.h: numbers, and names that all parts of the node have in common. */
#ifndef SB_ABI_CONSTANTS_H
#define SB_ABI_CONSTANTS_H

#include <stdint.h>

enum {
    SB_ABI_VERSION = 1,
    SB_CACHE_LINE = 64,
    SB_PAGE = 4096,
    SB_BURST_MAX = 32,
    SB_LCORES_MAX = 16,
    SB_REASONS_MAX = 256,          /* room in modes and samples; there are SB_REASON_COUNT */
    SB_PROFILES_MAX = 2048,        /* of two policies and the default: names keep theirs */
    SB_POLICY_PROFILES_MAX = 1000, /* beside the default */
    SB_PROFILE_NAME = 64,          /* bytes, the ending 0 included */
    SB_PROFILE_TARGETS_MAX = 64,   /* of one profile */
    SB_TARGETS_MAX = 65536,        /* of all profiles of a policy */
    SB_LIMITS_MAX = 13,            /* of one profile: each scope in each unit, and ICMP */
    SB_REQUEST_PATHS_MAX = 16,     /* of one profile: limits of requests for a path */
    SB_REQUEST_LIMITS_MAX = 20,    /* of one profile: those, and each scope */
    SB_REQUEST_PATH = 64,          /* bytes of a path that a limit is for */
    SB_LIMIT_BURST_S_MAX = 64,     /* in which an empty bucket fills */
    SB_PORT_RANGES_MAX = 32,       /* of one profile and protocol */
    SB_REFLECTORS_MAX = 64,        /* of one profile */
    SB_HTTP_PORTS_MAX = 16,        /* of one profile */
    SB_HTTP_BODY_LIMIT =
        65536, /* bytes of a body that are inspected, where nobody says another number */
    SB_HTTP_BODY_LIMIT_MAX = 1 << 20,
    SB_COUNTRY_MAX = 676,            /* 26 * first letter + second + 1, A being 0; 0: not known */
    SB_PROTOCOL_WORDS = 4,           /* of 64 bits, one for each IP protocol */
    SB_COUNTRY_WORDS = 11,           /* of 64 bits, one for each country */
    SB_COUNTRY_RANGES_MAX = 1 << 20, /* of a database and family */
    SB_LINK_CONTROL_PPS_MAX = 10000, /* of one kind, port and lcore; as much at once */
    SB_LINK_OTHER_PPS_MAX = 1000,    /* the same of what is neither IP nor control */
    SB_MPLS_LABELS_MAX = 16,         /* of a stack */
    SB_NEIGHBORS_MAX = 256,          /* of one policy */
    SB_NEIGHBOR_PPS_MAX = 10000,     /* of one of them and lcore, unjudged; as much at once */
    SB_RING_SLOTS = 1024,            /* power of two */
    SB_LATENCY_BUCKETS = 21,         /* 20 bounds of SB_LATENCY_BOUNDS_NS and +Inf */
    SB_REJECTED_MAX = 256,           /* power of two */
    SB_REJECTED_TEXT = 200,          /* bytes */
    SB_PROTECTED_SHOWN = 32,         /* addresses and profiles for which the SYN proxy is on */
    SB_MOST_HIT_MAX = 1000,          /* entries of each list that are published by their hits */
    SB_SAMPLED_BURSTS = 64, /* power of two: of so many bursts, or scans, the cycles of one are
                               measured */
    SB_COOKIE_SLOT_S = 64,
    SB_COOKIE_EPOCH = 64,     /* slots for which a secret is used: 68 minutes */
    SB_HANDOVER_SLOTS = 1024, /* power of two: what one lcore can have waiting for another */
    SB_OUTBOX_BUFFERS = 64,
    SB_RELEASED_MAX = 256,    /* packets of one run */
    SB_OWN_HEADERS_MAX = 128, /* bytes: Ethernet, two tags, IPv6, TCP with 40 of options */
    SB_OWN_PAYLOAD_MAX = 496, /* with 40 of options what every TCP takes (RFC 9293, 3.7.1) */
    SB_OWN_FRAME_MAX = SB_OWN_HEADERS_MAX + SB_OWN_PAYLOAD_MAX,
    SB_SYN_RATE_DEFAULT = 1000,
    SB_SYN_UNANSWERED_MIN = 100, /* SYNs a second, from which on it matters how many are answered */
    SB_SYN_PROXY_HOLD_DS = 300,  /* how long it stays on after the last second of attack */
    SB_PATH_MTU_PER_S = 1000,    /* that the whole node lets pass unjudged */
    SB_HELD_MAX = 4,             /* packets of one connection */
    SB_OPENINGS_MAX = 1 << 16,
    SB_FLOWS_MAX = 1 << 24,          /* connections of one lcore */
    SB_FLOW_TIMEOUT_DS_MAX = 864000, /* a day */
    SB_FLOW_UNPROVEN_DS_MAX = 1200,
    SB_FLOW_SWEEP_DS = 100,         /* in which all places are looked at */
    SB_HTTP_POOL_STEP = 1 << 21,    /* bytes: pools are a multiple of it */
    SB_HTTP_STRANGER = 0xffffffff,  /* sb_packet.http: of a connection that nobody knows ... */
    SB_HTTP_UNTRACKED = 0xfffffffe, /* ... as it found no place */
    SB_RULES_MAX = 65536,           /* slots of WAF rules: those in use, and deleted ones that are
                                       still compiled in */
    SB_RULE_NAMES_MAX = 8,          /* headers that one rule is for */
    SB_RULE_PROFILES_MAX = 32,      /* of one rule: of two policies */
    SB_RULE_GROUPS_MAX = 128,       /* of rules, by name; 0: rules that have none */
    SB_RULE_GROUP_WORDS = 2,
    SB_RULE_GROUP_NAME = 64,       /* bytes, padded with 0, the last is 0 */
    SB_EVIDENCE_MAX = 4096,        /* power of two: of each lcore */
    SB_EVIDENCE_TEXT = 216,        /* bytes */
    SB_DEADLINE_NEVER = 0x7fffffff /* boot_ds of an entry without end */
};

/* The outside port faces the internet, the inside port the protected servers. */
enum sb_port { SB_PORT_OUTSIDE, SB_PORT_INSIDE, SB_PORT_COUNT };

enum sb_verdict {
    SB_VERDICT_PASS,        /* goes out of the other port */
    SB_VERDICT_DROP,        /* freed; packet.reason says why */
    SB_VERDICT_CONSUMED,    /* absorbed or answered */
    SB_VERDICT_HELD,        /* kept by a stage, which releases it or gives it up */
    SB_VERDICT_HANDED_OVER, /* on its way to the lcore that owns its client */
    SB_VERDICT_COUNT
};

enum sb_mode { SB_MODE_OFF, SB_MODE_MONITOR, SB_MODE_ENFORCE, SB_MODE_COUNT };

/* Which modes a reason may have, as reasons.def spells it: bit m for mode m. */
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

/* What passes because it is of the link or not IP; see link.def. */
enum sb_link {
#define SB_LINK(name, rule, first, last, text) SB_LINK_##name,
#define SB_LINK_PROTOCOL(name, rule, protocol, port, text) SB_LINK_##name,
#include "defs/link.def"
#undef SB_LINK
#undef SB_LINK_PROTOCOL
    SB_LINK_COUNT
};

/* What a router that the policy names says through the node; see neighbor.def. */
enum sb_neighbor {
#define SB_NEIGHBOR(name, protocol, port, text) SB_NEIGHBOR_##name,
#define SB_NEIGHBOR_ALSO(name, protocol, port)
#include "defs/neighbor.def"
#undef SB_NEIGHBOR
#undef SB_NEIGHBOR_ALSO
    SB_NEIGHBOR_COUNT
};

/* What can contain an IP packet, between Ethernet and IP or in an outer IP packet. */
enum sb_encapsulation {
    SB_ENCAPSULATION_MPLS,  /* RFC 3032 */
    SB_ENCAPSULATION_PPPOE, /* RFC 2516, a session */
    SB_ENCAPSULATION_VXLAN, /* RFC 7348 */
    SB_ENCAPSULATION_GRE,   /* RFC 2784 */
    SB_ENCAPSULATION_COUNT
};

/* What a policy wants of an encapsulation. */
enum sb_inside {
    SB_INSIDE_JUDGE, /* the packet inside is judged */
    SB_INSIDE_PASS,  /* nobody looks inside */
    SB_INSIDE_REFUSE,
    SB_INSIDE_COUNT
};

/* What the node itself sends. */
enum sb_origin {
    SB_ORIGIN_ANSWER, /* a SYN with a cookie, to a client */
    SB_ORIGIN_RETRY,  /* a SYN once more, to a protected host */
    SB_ORIGIN_RESET,
    SB_ORIGIN_OPEN,    /* a SYN to a protected host */
    SB_ORIGIN_REFUSAL, /* to a client whose HTTP request was refused */
    SB_ORIGIN_COUNT
};

/* One network's two lists; the values are bits of an entry. */
enum sb_list { SB_LIST_BLACKLIST, SB_LIST_ALLOWLIST, SB_LIST_COUNT };

#endif
