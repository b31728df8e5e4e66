/* abi/detection.h: the attacks that the control loop has detected. Only the control loop writes
 * them. */
#ifndef SB_ABI_DETECTION_H
#define SB_ABI_DETECTION_H

#include <stdint.h>

#include "abi/constants.h"

enum {
    /* A power of two: incidents that are kept. A new one overwrites the oldest ended one. */
    SB_INCIDENTS_MAX = 256,
    SB_INCIDENTS_ACTIVE_MAX = 64,
    SB_INCIDENT_SOURCES = 10,
    SB_INCIDENT_RANKS = 8,     /* entries of each other ranking of an incident */
    SB_TOP_SHOWN_MAX = 32,     /* sources, and as many targets */
    SB_DETECTION_BUCKETS = 12, /* buckets of the detection delay; Python defines the bounds */
    SB_BASELINE_PROFILES = 64, /* profiles whose rates are published for the baseline */
    SB_BASELINE_MS = 10000     /* length of a period */
};

enum sb_attack {
#define SB_ATTACK(name, metric, text) SB_ATTACK_##name,
#include "defs/attacks.def"
#undef SB_ATTACK
    SB_ATTACK_COUNT
};

/* The rates per second that have thresholds. Each has the name of its field of the rule
 * `detection`. */
enum sb_metric {
    SB_METRIC_SYNS,
    SB_METRIC_ACKS,
    SB_METRIC_RSTS,
    SB_METRIC_UDP,
    SB_METRIC_AMPLIFICATION,
    SB_METRIC_ICMP,
    SB_METRIC_FRAGMENTS,
    SB_METRIC_MALFORMED,
    SB_METRIC_CONNECTIONS,
    SB_METRIC_REQUESTS,
    SB_METRIC_SLOW,
    SB_METRIC_PACKETS,
    SB_METRIC_BITS,
    SB_METRIC_FRAMES, /* frames of a port; the rule has no such field, since the thresholds are
                         fixed */
    SB_METRIC_COUNT
};

/* The kind of target of an incident. */
enum sb_target {
    SB_TARGET_ADDRESS,
    SB_TARGET_PREFIX,  /* a carpet flood: no single address gets most of it */
    SB_TARGET_PROFILE, /* all addresses of a profile; key and prefix_length are 0 */
    SB_TARGET_PORT,    /* the link itself; prefix_length is its enum sb_port */
    SB_TARGET_COUNT
};

enum sb_incident_state {
    SB_INCIDENT_STATE_ACTIVE,
    SB_INCIDENT_STATE_ENDED,
    SB_INCIDENT_STATE_COUNT
};

/* The cause of the end of an incident. */
enum sb_incident_end {
    SB_INCIDENT_END_NONE,     /* it has not ended */
    SB_INCIDENT_END_QUIET,    /* it was below half of the threshold for long enough */
    SB_INCIDENT_END_POLICY,   /* the policy does not check for it any more */
    SB_INCIDENT_END_MERGED,   /* another incident explains its traffic */
    SB_INCIDENT_END_DRAINING, /* the data plane stops */
    SB_INCIDENT_END_FAILED, /* detection had an error; an attack that continues is a new incident */
    SB_INCIDENT_END_COUNT
};

/* The treatment of the packets of an attack, so far. */
enum sb_incident_action {
    SB_INCIDENT_ACTION_MONITORED,  /* nothing was dropped */
    SB_INCIDENT_ACTION_LIMITED,    /* packets beyond a rate limit were dropped */
    SB_INCIDENT_ACTION_CHALLENGED, /* the SYN proxy has answered SYNs */
    SB_INCIDENT_ACTION_BLOCKED,
    SB_INCIDENT_ACTION_COUNT
};

/* The response to an attack, as set by its profile. */
enum sb_response {
    SB_RESPONSE_NONE,
    SB_RESPONSE_LIMIT,
    SB_RESPONSE_SYN_PROXY,
    SB_RESPONSE_BLACKLIST,
    SB_RESPONSE_COUNT
};

struct sb_rates { /* per second */
    uint64_t packets;
    uint64_t bits;
    uint64_t requests;
};

struct sb_heavy { /* one of the heaviest addresses, from a sketch */
    uint8_t address[16];
    uint64_t country; /* SB_COUNTRY_MAX at most; 0: not known */
    uint64_t packets;
    uint64_t error; /* packets may be at most this much too high or too low */
};

struct sb_part { /* a share of the packets of an incident */
    uint64_t key;
    uint64_t value; /* parts per million; for reasons: number of packets */
};

struct sb_incident {
    uint64_t version; /* odd while the rest changes; 0: never used */
    uint64_t id;      /* random */
    uint64_t number;  /* 1 for the first incident of this data plane, then 2 and so on */
    uint64_t attack;  /* enum sb_attack */
    uint64_t state;   /* enum sb_incident_state */
    uint64_t end;     /* enum sb_incident_end */
    uint64_t action;  /* enum sb_incident_action */
    uint64_t target;  /* enum sb_target */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t profile; /* index at the begin of the incident */
    uint8_t profile_name[SB_PROFILE_NAME];
    uint64_t started_ms; /* UTC, estimated: when the threshold was crossed */
    uint64_t detected_ms;
    uint64_t updated_ms;
    uint64_t ended_ms; /* 0: it has not ended */
    uint64_t started_boot_ms;
    uint64_t updated_boot_ms;
    uint64_t metric; /* enum sb_metric */
    uint64_t threshold;
    uint64_t value; /* value of the metric at the detection */
    struct sb_rates now;
    struct sb_rates peak; /* the maximum of each rate by itself */
    uint64_t packets;     /* all packets to the target since the start */
    uint64_t bits;
    uint64_t requests;
    uint64_t dropped;
    uint64_t would_drop; /* packets that passed only because of a mode monitor */
    uint64_t challenged; /* SYNs that the SYN proxy answered in place of the host */
    uint64_t distinct_sources;
    uint64_t seen_once_ppm; /* share of the sampled sources that sent one packet */
    uint64_t is_spoofed;
    uint64_t packets_every; /* one packet in so many was sampled */
    uint64_t sources_every; /* one source in so many was sampled */
    uint64_t response;      /* enum sb_response: the response that the policy wants */
    uint64_t response_mode; /* enum sb_mode; monitor: the response is only reported */
    uint64_t response_s;
    uint64_t response_max; /* maximum number of blacklist entries */
    uint64_t limit_pps;    /* limit of one source */
    uint64_t source_count;
    struct sb_heavy source[SB_INCIDENT_SOURCES];
    uint64_t reason_count; /* used elements of the next array; the same for the other counts */
    struct sb_part reason[SB_INCIDENT_RANKS]; /* key: enum sb_reason; dropped packets */
    uint64_t port_count;
    struct sb_part port[SB_INCIDENT_RANKS]; /* key: IP protocol << 16 | destination port */
    uint64_t country_count;
    struct sb_part country[SB_INCIDENT_RANKS];
    uint64_t flags_count;
    struct sb_part flags[SB_INCIDENT_RANKS]; /* key: byte 13 of the TCP header */
    uint64_t size_count;
    struct sb_part size[SB_INCIDENT_RANKS]; /* key: upper bound in bytes; 0: above all bounds */
};

/* The heaviest sources and targets of the node in the last seconds. */
struct sb_top {
    uint64_t version; /* odd while the rest changes */
    uint64_t boot_ms;
    uint64_t packets_every;
    uint64_t source_count;
    uint64_t target_count;
    struct sb_heavy source[SB_TOP_SHOWN_MAX];
    struct sb_heavy target[SB_TOP_SHOWN_MAX];
};

struct sb_detection_counts {
    uint64_t ticks;                    /* number of judgements */
    uint64_t attacks[SB_ATTACK_COUNT]; /* incidents since the start, by type */
    uint64_t active[SB_ATTACK_COUNT];
    uint64_t blocked;    /* incidents with dropped packets, since the start */
    uint64_t suppressed; /* attacks without room among SB_INCIDENTS_ACTIVE_MAX */
    uint64_t failures;   /* errors that stopped detection for a while */
    uint64_t delay_count;
    uint64_t delay_sum_ms; /* from the estimated crossing of the threshold to the publication */
    uint64_t delay[SB_DETECTION_BUCKETS]; /* not cumulative */
};

struct sb_baseline_profile {
    uint8_t name[SB_PROFILE_NAME];
    uint64_t is_attacked;              /* 1: an incident was active in the period */
    uint64_t highest[SB_METRIC_COUNT]; /* the highest rate of any one address in any second of the
                                          period */
};

/* The usual rates of profiles, from the last complete period. */
struct sb_baseline {
    uint64_t version; /* odd while the rest changes */
    uint64_t number;  /* of the period: 1, 2 and so on since the start; 0: none is complete yet */
    uint64_t beyond;  /* profiles in force without room */
    uint64_t profile_count;
    struct sb_baseline_profile profile[SB_BASELINE_PROFILES]; /* by index of the profile */
};

struct sb_detection_pages {
    struct sb_detection_counts counts;
    struct sb_top top;
    struct sb_incident incident[SB_INCIDENTS_MAX];
    struct sb_baseline baseline;
};

#endif
