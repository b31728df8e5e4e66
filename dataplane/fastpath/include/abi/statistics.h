/* abi/statistics.h: the counters. Each is a plain uint64_t with one writer. */
#ifndef SB_ABI_STATISTICS_H
#define SB_ABI_STATISTICS_H

#include <stdint.h>

#include "abi/constants.h"
#include "abi/detection.h"
#include "abi/inspection.h"
#include "abi/node_state.h"
#include "abi/traffic.h"

struct sb_port_stats {
    uint64_t received;
    uint64_t received_bytes;
    uint64_t forwarded; /* packets that this port received */
    uint64_t forwarded_bytes;
    uint64_t consumed;
    uint64_t held_now; /* only the sum over all lcores, modulo 2^64, has a meaning */
    uint64_t dropped[SB_REASON_COUNT];
    uint64_t dropped_bytes;
};

struct sb_stage_stats {
    uint64_t packets; /* packets that entered the stage */
    uint64_t dropped;
    uint64_t sampled_packets; /* packets in the bursts whose cycles were measured */
    uint64_t sampled_cycles;
};

struct sb_origin_stats {
    uint64_t originated;
    uint64_t sent;
    uint64_t tx_full;
};

struct sb_connection_stats {
    uint64_t active; /* in the table now */
    uint64_t proven; /* part of these: the client has shown that it receives packets */
    uint64_t opened; /* since the start */
    uint64_t expired;
    uint64_t evicted; /* unproven or ended connections that newer ones have replaced */
    /* Connections without a place: the possible places had proven connections, or those of other
     * profiles while the share of the own profile was used up. */
    uint64_t untracked;
    uint64_t opening;      /* part of active: the SYN proxy waits for the protected host */
    uint64_t accepted;     /* connections that the SYN proxy has opened, since the start */
    uint64_t failed;       /* openings that failed: refused, no answer, or given up by the client */
    uint64_t bad_checksum; /* RST and FIN with a wrong checksum: passed, without effect */
    /* Part of active: opened by the SYN proxy, so that no other node can continue them; neither
     * closed nor reset. */
    uint64_t proxied;
};

struct sb_profile_stats {
    uint64_t count[SB_REASON_COUNT]
                  [SB_MODE_COUNT]; /* monitor: would have been dropped; enforce: was dropped */
};

/* The name of the profile with an index; all zero: the index is not used. */
struct sb_profile_label {
    uint8_t name[SB_PROFILE_NAME];
};

/* The name of the group of rules with an index; all zero: the index is not used. */
struct sb_rule_group_label {
    uint8_t name[SB_RULE_GROUP_NAME];
};

/* A histogram of durations with the bounds SB_LATENCY_BOUNDS_NS. */
struct sb_latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t bucket[SB_LATENCY_BUCKETS]; /* not cumulative */
};

struct sb_lcore_stats {
    uint64_t heartbeat; /* turns of the loop */
    uint64_t busy_cycles;
    uint64_t total_cycles;
    uint64_t misrouted;     /* packets received on an lcore that does not own the client */
    uint64_t handover_lost; /* part of these: dropped because the ring was full */
    uint64_t events_lost;
    struct sb_latency latency;         /* of packets: from received to transmitted */
    struct sb_latency request_latency; /* of HTTP requests: from complete to transmitted */
    struct sb_latency response_time;   /* of HTTP responses: from the request to the first byte */
    struct sb_connection_stats connections;
    struct sb_http_stats http;
    struct sb_waf_stats waf;
    struct sb_port_stats port[SB_PORT_COUNT];
    struct sb_stage_stats stage[SB_STAGE_COUNT];
    struct sb_origin_stats origin[SB_ORIGIN_COUNT];
    uint64_t link[SB_PORT_COUNT][SB_LINK_COUNT];           /* received, including dropped ones */
    uint64_t inner[SB_PORT_COUNT][SB_ENCAPSULATION_COUNT]; /* received inside it, and judged */
    uint64_t neighbor[SB_PORT_COUNT][SB_NEIGHBOR_COUNT];   /* received, and exempt */
    uint64_t neighbor_beyond[SB_NEIGHBOR_COUNT]; /* judged, because the budget was used up */
    struct sb_profile_stats profile[SB_PROFILES_MAX];
    uint64_t connections_of[SB_PROFILES_MAX]; /* connections in the table now, by the profile that
                                                 has opened them */
    uint64_t rule_hits[SB_RULES_MAX];         /* by slot: requests that the rule has hit */
    uint64_t rule_group[SB_RULE_GROUPS_MAX][SB_WAF_RESULT_COUNT]; /* requests; each counts once, for
                                                                     the rule in its evidence */
    uint64_t evidence_count;                                      /* since the start */
    struct sb_evidence evidence[SB_EVIDENCE_MAX];
    uint64_t capture_count; /* since the start */
    struct sb_capture capture[SB_CAPTURES_MAX];
} __attribute__((aligned(4096)));

/* First page(s) of the stats mapping; written by the control loop only. */
struct sb_stats_header {
    uint64_t magic; /* SB_STATS_MAGIC */
    uint8_t abi_hash[32];
    uint8_t boot_id[16];
    uint8_t database_id[16];  /* of the database whose state is applied; zero: none */
    uint64_t applied_through; /* the newest revision that is applied, ... */
    uint64_t loading;         /* ... except this one, an import that is being loaded; 0: none */
    uint64_t state;           /* enum sb_state */
    uint64_t degraded;        /* bits of enum sb_degraded */
    uint64_t heartbeat_boot_ms;
    uint64_t started_boot_ms;
    uint64_t pid;
    uint64_t tsc_hz;
    uint64_t lcore_count;
    uint64_t profile_count;       /* profiles in force, including the default */
    uint64_t syn_proxy_profiles;  /* part of these: with the SYN proxy */
    uint64_t http_profiles;       /* part of these: with HTTP inspection */
    uint64_t overlays;            /* overlays of the policy in force now */
    uint64_t panic_until_boot_ms; /* end of the panic mode; 0: it is off */
    uint64_t hugepages;           /* 1: packet memory is in hugepages */
    uint64_t addresses_max;
    uint64_t addresses_used;
    uint64_t prefixes_max; /* per family */
    uint64_t prefixes_used_ipv4;
    uint64_t prefixes_used_ipv6;
    uint64_t connections_max; /* of all lcores together */
    uint64_t mbufs_max;
    uint64_t mbufs_used;
    uint64_t cpu_busy_ppm;            /* of the worker lcores, in the last second */
    uint64_t latency_mean_ns;         /* of packets in the node, in the last 10 s */
    uint64_t request_latency_mean_ns; /* of HTTP requests, from complete to transmitted, in the last
                                         10 s */
    uint64_t requests_mps;            /* HTTP requests in 1,000 s, at the rate of the last second */
    struct sb_traffic_rates rates;
    uint64_t memory_bytes;   /* proportional set size and reserved hugepages */
    uint64_t events_lost;    /* from the control loop's own ring */
    uint64_t countries_date; /* of the country database's data, seconds since 1970; 0: none */
    uint64_t countries_ranges_ipv4;
    uint64_t countries_ranges_ipv6;
    uint64_t countries_bytes; /* of the table in use */
    uint64_t rules_through;   /* the WAF rules of every revision up to this one are in force */
    uint64_t rules_state;     /* bits of enum sb_rules_state */
    uint64_t rules_max;
    uint64_t rules_used;
    uint64_t rules_pending; /* part of these: not compiled into a database yet */
    uint64_t rules_bytes;   /* of the databases in force */
    uint64_t rules_databases;
    uint64_t rejected_count; /* since the start; the newest SB_REJECTED_MAX are kept */
    struct sb_rejected rejected[SB_REJECTED_MAX];
    struct sb_device_stats device[SB_PORT_COUNT];
    struct sb_links links;
    struct sb_drain drain;
    uint64_t profile_version; /* odd while names and profile_removed change */
    struct sb_profile_label profile_label[SB_PROFILES_MAX];
    struct sb_profile_stats profile_removed; /* counts of removed profiles */
    uint64_t rule_number[SB_RULES_MAX];      /* by slot; 0: none. Its hits are cleared before */
    uint64_t rule_group_count;               /* labels that were ever used, including index 0 */
    struct sb_rule_group_label rule_group_label[SB_RULE_GROUPS_MAX];
    struct sb_detection_pages detection;
    struct sb_most_hit most_hit[SB_LIST_COUNT];
    struct sb_syn_proxy_on syn_proxy_on;
} __attribute__((aligned(4096)));

#define SB_STATS_MAGIC 0x53656342656174ull /* "SecBeat" */

/* Upper bounds of the latency buckets in nanoseconds, as an initializer; the last bucket has none
 * (+Inf). */
#define SB_LATENCY_BOUNDS_NS                                                                       \
    {1000,     2000,     5000,      10000,     20000,     50000,     100000,                       \
     200000,   300000,   500000,    1000000,   2000000,   5000000,   10000000,                     \
     20000000, 50000000, 100000000, 200000000, 500000000, 1000000000}

struct sb_stats {
    struct sb_stats_header header;
    struct sb_lcore_stats lcore[SB_LCORES_MAX]; /* the first lcore_count elements are used */
};

#endif
