/* abi/detection.h: the attacks that the control loop has seen; it writes, everybody else reads. */
#ifndef SB_ABI_DETECTION_H
#define SB_ABI_DETECTION_H

#include <stdint.h>

#include "abi/constants.h"

enum {
    SB_INCIDENTS_MAX = 256, /* power of two: kept; the oldest ended ones are written over */
    SB_INCIDENTS_ACTIVE_MAX = 64,
    SB_INCIDENT_SOURCES = 10,
    SB_INCIDENT_RANKS = 8,     /* of everything else that an incident ranks */
    SB_TOP_SHOWN_MAX = 32,     /* of sources, and of targets */
    SB_DETECTION_BUCKETS = 12, /* of the delay; the bounds are Python's */
    SB_BASELINE_PROFILES = 64, /* whose rates are published for the baseline */
    SB_BASELINE_MS = 10000     /* a period of it */
};

enum sb_attack {
#define SB_ATTACK(name, metric, text) SB_ATTACK_##name,
#include "defs/attacks.def"
#undef SB_ATTACK
    SB_ATTACK_COUNT
};

/* What thresholds are for, each by second: named as its field of the rule `detection`. */
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
    SB_METRIC_FRAMES, /* of the link; no field: it has limits of its own */
    SB_METRIC_COUNT
};

/* What an incident is aimed at. */
enum sb_target {
    SB_TARGET_ADDRESS,
    SB_TARGET_PREFIX,  /* a carpet flood: no address in it has most of it */
    SB_TARGET_PROFILE, /* all that a profile protects; key and prefix_length are 0 */
    SB_TARGET_PORT,    /* the link itself: prefix_length is its enum sb_port */
    SB_TARGET_COUNT
};

enum sb_incident_state {
    SB_INCIDENT_STATE_ACTIVE,
    SB_INCIDENT_STATE_ENDED,
    SB_INCIDENT_STATE_COUNT
};

/* Why an incident ended. */
enum sb_incident_end {
    SB_INCIDENT_END_NONE,     /* it has not */
    SB_INCIDENT_END_QUIET,    /* below half of the threshold for long enough */
    SB_INCIDENT_END_POLICY,   /* the policy looks no more at it */
    SB_INCIDENT_END_MERGED,   /* another incident says it better */
    SB_INCIDENT_END_DRAINING, /* the data plane stops */
    SB_INCIDENT_END_FAILED,   /* detection has failed: what goes on is another incident */
    SB_INCIDENT_END_COUNT
};

/* What has become of an attack's packets, so far. */
enum sb_incident_action {
    SB_INCIDENT_ACTION_MONITORED,  /* nothing: they were let through */
    SB_INCIDENT_ACTION_LIMITED,    /* what was beyond a rate limit was dropped */
    SB_INCIDENT_ACTION_CHALLENGED, /* the SYN proxy has answered */
    SB_INCIDENT_ACTION_BLOCKED,
    SB_INCIDENT_ACTION_COUNT
};

/* What a profile wants done about an attack. */
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

struct sb_heavy { /* one of the heaviest, by a sketch */
    uint8_t address[16];
    uint64_t country; /* SB_COUNTRY_MAX at most; 0: not known */
    uint64_t packets;
    uint64_t error; /* packets may be so many too high or too low */
};

struct sb_part { /* of an incident's packets */
    uint64_t key;
    uint64_t value; /* parts per million, but of reasons: packets */
};

struct sb_incident {
    uint64_t version; /* odd while the rest changes; 0: never used */
    uint64_t id;      /* random */
    uint64_t number;  /* 1 + how many this data plane had seen before */
    uint64_t attack;  /* enum sb_attack */
    uint64_t state;   /* enum sb_incident_state */
    uint64_t end;     /* enum sb_incident_end */
    uint64_t action;  /* enum sb_incident_action */
    uint64_t target;  /* enum sb_target */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t profile; /* its index when it began */
    uint8_t profile_name[SB_PROFILE_NAME];
    uint64_t started_ms; /* since 1970: when the threshold was crossed, estimated */
    uint64_t detected_ms;
    uint64_t updated_ms;
    uint64_t ended_ms; /* 0: it has not */
    uint64_t started_boot_ms;
    uint64_t updated_boot_ms;
    uint64_t metric; /* enum sb_metric */
    uint64_t threshold;
    uint64_t value; /* that was beyond it when the attack was detected */
    struct sb_rates now;
    struct sb_rates peak; /* each by itself */
    uint64_t packets;     /* to the target since the start, whatever they were */
    uint64_t bits;
    uint64_t requests;
    uint64_t dropped;
    uint64_t would_drop; /* but for monitor */
    uint64_t challenged; /* answered in place of the host: by the SYN proxy */
    uint64_t distinct_sources;
    uint64_t seen_once_ppm; /* of the sampled sources: share of those seen once */
    uint64_t is_spoofed;
    uint64_t packets_every; /* one packet of so many was sampled */
    uint64_t sources_every; /* one source of so many was followed */
    uint64_t response;      /* enum sb_response: wanted */
    uint64_t response_mode; /* enum sb_mode: monitor: it is only said */
    uint64_t response_s;
    uint64_t response_max; /* entries on the blacklist */
    uint64_t limit_pps;    /* of one source */
    uint64_t source_count;
    struct sb_heavy source[SB_INCIDENT_SOURCES];
    uint64_t reason_count;                    /* how many of the following are used, and so on */
    struct sb_part reason[SB_INCIDENT_RANKS]; /* enum sb_reason; of what was dropped */
    uint64_t port_count;
    struct sb_part port[SB_INCIDENT_RANKS]; /* IP protocol << 16 | destination port */
    uint64_t country_count;
    struct sb_part country[SB_INCIDENT_RANKS];
    uint64_t flags_count;
    struct sb_part flags[SB_INCIDENT_RANKS]; /* byte 13 of the TCP header */
    uint64_t size_count;
    struct sb_part size[SB_INCIDENT_RANKS]; /* upper bound in bytes; 0: more than all */
};

/* The heaviest of the node in the last seconds. */
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
    uint64_t ticks;                    /* judged */
    uint64_t attacks[SB_ATTACK_COUNT]; /* ever begun */
    uint64_t active[SB_ATTACK_COUNT];
    uint64_t blocked;    /* incidents of which something was dropped, ever */
    uint64_t suppressed; /* that found no place among SB_INCIDENTS_ACTIVE_MAX */
    uint64_t failures;   /* faults that have stopped detection for a while */
    uint64_t delay_count;
    uint64_t delay_sum_ms; /* from crossing the threshold, estimated, to being published */
    uint64_t delay[SB_DETECTION_BUCKETS]; /* not cumulative */
};

struct sb_baseline_profile {
    uint8_t name[SB_PROFILE_NAME];
    uint64_t is_attacked;              /* an incident went on in the period */
    uint64_t highest[SB_METRIC_COUNT]; /* rates of any one address in any second of it */
};

/* What profiles were used to in the last period that is over. */
struct sb_baseline {
    uint64_t version; /* odd while the rest changes */
    uint64_t number;  /* of the period: 1, 2, ... since start; 0: none is over yet */
    uint64_t beyond;  /* profiles in force that found no room */
    uint64_t profile_count;
    struct sb_baseline_profile profile[SB_BASELINE_PROFILES]; /* by their index */
};

struct sb_detection_pages {
    struct sb_detection_counts counts;
    struct sb_top top;
    struct sb_incident incident[SB_INCIDENTS_MAX];
    struct sb_baseline baseline;
};

#endif
