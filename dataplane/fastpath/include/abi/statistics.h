/* abi/statistics.h: the counters. Each is a plain uint64_t with one writer. */
#ifndef SB_ABI_STATISTICS_H
#define SB_ABI_STATISTICS_H

#include <stdint.h>

#include "abi/constants.h"
#include "abi/detection.h"
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

struct sb_waf_stats {
    uint64_t scans;         /* calls of the engine */
    uint64_t bytes;         /* bytes given to the engine */
    uint64_t failed;        /* scans with an error of the engine */
    uint64_t hits;          /* of all rules together */
    uint64_t cut;           /* requests that hit more rules than can be listed */
    uint64_t sampled_scans; /* scans whose cycles were measured */
    uint64_t sampled_cycles;
};

/* The parts of a request that a rule is matched against. */
enum sb_waf_class {
    SB_WAF_ANY, /* the raw head, and all values joined by LF */
    SB_WAF_METHOD,
    SB_WAF_PATH,
    SB_WAF_QUERY,
    SB_WAF_HEADER,
    SB_WAF_COOKIE,
    SB_WAF_BODY,
    SB_WAF_CLASS_COUNT
};

enum sb_waf_action { SB_WAF_LOG, SB_WAF_BLOCK, SB_WAF_ACTION_COUNT };

enum sb_severity {
    SB_SEVERITY_LOW,
    SB_SEVERITY_MEDIUM,
    SB_SEVERITY_HIGH,
    SB_SEVERITY_CRITICAL,
    SB_SEVERITY_COUNT
};

/* The result for a request that rules have hit. */
enum sb_waf_result {
    SB_WAF_RESULT_LOG,     /* no rule blocks */
    SB_WAF_RESULT_MONITOR, /* a rule blocks, but a mode lets the request pass */
    SB_WAF_RESULT_BLOCK,
    SB_WAF_RESULT_COUNT
};

/* The evidence of a match. Readers copy it and then check that sequence is unchanged. It is 0
 * while the other fields change. */
struct sb_evidence {
    uint64_t sequence; /* 1 for the first one of this lcore, then 2 and so on; 0: none */
    uint64_t boot_ds;
    uint64_t incident; /* incident number that the client got; 0: none */
    uint64_t rule;     /* number of the rule */
    uint8_t client[16];
    uint8_t protected_address[16];
    uint16_t client_port;
    uint16_t protected_port;
    uint16_t profile;
    uint8_t action; /* enum sb_waf_action */
    uint8_t mode;   /* enum sb_mode; monitor: would have been blocked, enforce: was blocked */
    uint8_t target; /* enum sb_waf_class that matched */
    uint8_t form;   /* enum sb_http_form that matched */
    uint16_t line_size;
    uint16_t excerpt_size;
    uint8_t severity; /* enum sb_severity */
    uint8_t reserved;
    uint8_t line[SB_EVIDENCE_TEXT]; /* the request line, cut */
    uint8_t excerpt[SB_EVIDENCE_TEXT];
};

/* Causes for which traffic of an inspected port passes without inspection. */
enum sb_http_uninspected {
    SB_HTTP_UNINSPECTED_EARLIER,   /* connections that were open before inspection began */
    SB_HTTP_UNINSPECTED_UNSEEN,    /* connections whose host has bytes that the node has not seen */
    SB_HTTP_UNINSPECTED_NOT_HTTP,  /* connections without HTTP/1, which the profile lets pass */
    SB_HTTP_UNINSPECTED_UNPARSED,  /* connections with an invalid request that a mode lets pass */
    SB_HTTP_UNINSPECTED_WEBSOCKET, /* connections that have become WebSockets */
    SB_HTTP_UNINSPECTED_CUT_OFF,   /* connections of which a capture lacks bytes */
    SB_HTTP_UNINSPECTED_BODY_REST, /* requests with a body beyond the limit of inspection */
    SB_HTTP_UNINSPECTED_NOT_READY, /* requests before the rules were in force, or after an error of
                                      the engine */
    SB_HTTP_UNINSPECTED_UNTRACKED, /* segments of connections without a place in the connection
                                      table */
    SB_HTTP_UNINSPECTED_COUNT
};

/* Causes for which a client is too slow: its head, its body, its acknowledgment of a response. */
enum sb_http_slow { SB_HTTP_SLOW_HEAD, SB_HTTP_SLOW_BODY, SB_HTTP_SLOW_READ, SB_HTTP_SLOW_COUNT };

/* Classes of status codes, by their first digit; 0: other codes. */
enum { SB_HTTP_STATUS_CLASSES = 6 };

struct sb_http_stats {
    uint64_t connections;              /* connections with a record of inspection, now */
    uint64_t requests;                 /* requests with a complete head */
    uint64_t blocked;                  /* requests refused because of a rule or of framing */
    uint64_t limited;                  /* requests refused because of a limit */
    uint64_t resets;                   /* connections that were reset on both sides */
    uint64_t slow[SB_HTTP_SLOW_COUNT]; /* part of these: their clients were too slow */
    uint64_t not_inspected[SB_HTTP_UNINSPECTED_COUNT];
    uint64_t responses[SB_HTTP_STATUS_CLASSES];
    uint64_t pool_bytes;
    uint64_t pool_used; /* bytes of the pool in use */
    uint64_t pool_full; /* segments dropped because the pool, or a source's share of it, was full */
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

/* The driver's counters, copied by the control loop. */
struct sb_device_stats {
    uint64_t missed;  /* rte_eth_stats.imissed */
    uint64_t errors;  /* rte_eth_stats.ierrors */
    uint64_t no_mbuf; /* rte_eth_stats.rx_nombuf */
    uint64_t tx_errors;
    uint64_t link_up; /* 0 or 1 */
    uint64_t speed_mbps;
    uint64_t link_can_be_held; /* 1: its driver or the kernel can take the link down */
    uint64_t link_held;        /* 1: the node holds the link down */
};

/* Links that are held down, so that routers detect a loss or a drain. */
enum sb_links_state {
    SB_LINKS_STATE_SETTLING, /* after a start or a release, links have time to come up */
    SB_LINKS_STATE_WATCHING,
    SB_LINKS_STATE_LOST,    /* one port has lost its link; the other is held down */
    SB_LINKS_STATE_HOLDING, /* the lost link has returned too early; both are held down */
    SB_LINKS_STATE_DRAINED, /* the node drains; both are held down */
    SB_LINKS_STATE_COUNT
};

struct sb_links {
    uint64_t state; /* enum sb_links_state */
    uint64_t since_boot_ms;
    uint64_t loss_forwarding; /* 1: link-loss forwarding is on */
    uint64_t losses;          /* forwarded losses since the start */
};

enum sb_state { SB_STATE_STARTING, SB_STATE_RUNNING, SB_STATE_DRAINING, SB_STATE_COUNT };

/* The reasons of a degraded node: bits. */
enum sb_degraded {
    SB_DEGRADED_STATE_LOG = 1 << 0, /* can't be read; the last good generation is in force */
    SB_DEGRADED_REJECTED = 1 << 1,  /* a change could not be applied */
    SB_DEGRADED_LINK = 1 << 2,      /* a port has no link */
    SB_DEGRADED_COUNTRIES = 1 << 3, /* no country database although needed, or an invalid one */
    /* WAF rules wait and nothing compiles them, or not all rules from before the start are in
     * force yet. */
    SB_DEGRADED_RULES = 1 << 4,
    SB_DEGRADED_DETECTION = 1 << 5, /* detection pauses after an error */
    SB_DEGRADED_LINK_HOLD = 1 << 6  /* a link that may have to be held down can't be taken down */
};

enum sb_drain_state {
    SB_DRAIN_STATE_OFF,
    SB_DRAIN_STATE_CONNECTIONS, /* waits for proxied connections to end */
    SB_DRAIN_STATE_TRAFFIC,     /* waits until no packets arrive */
    SB_DRAIN_STATE_COMPLETE,
    SB_DRAIN_STATE_COUNT
};

struct sb_drain {
    uint64_t wanted; /* 1: a drain is requested in the state log */
    uint64_t state;  /* enum sb_drain_state */
    uint64_t takes_links_down;
    uint64_t quiet_ms; /* since the last packet other than link control; in a drain only */
    uint64_t lost;     /* proxied connections left at the completion of drains, since the start */
};

/* The state of the WAF's rules: bits. */
enum sb_rules_state {
    SB_RULES_READY = 1 << 0,     /* all rules that existed at the start are in force */
    SB_RULES_BUILDING = 1 << 1,  /* databases are being compiled */
    SB_RULES_AWAY = 1 << 2,      /* no compile helper answers */
    SB_RULES_FULL = 1 << 3,      /* rules wait because the small databases are full */
    SB_RULES_NO_MEMORY = 1 << 4, /* the node has too little memory to compile the rules */
};

/* The kind of a change that could not be applied. */
enum sb_rejected_kind {
    SB_REJECTED_ENTRY,    /* of a list: see key, prefix_length and list */
    SB_REJECTED_POLICY,   /* the former policy stays in force */
    SB_REJECTED_IMPORT,   /* none of its entries is in force */
    SB_REJECTED_PREFIXES, /* prefixes of the revision; they wait for the next change of a prefix */
    SB_REJECTED_RULE,     /* of the WAF: see rule; it is not in force */
    SB_REJECTED_OVERLAYS, /* the former overlays stay in force */
    SB_REJECTED_COUNT
};

struct sb_rejected {
    uint64_t revision;
    uint64_t kind;  /* enum sb_rejected_kind */
    uint64_t error; /* errno */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t list;                  /* enum sb_list */
    uint64_t rule;                  /* number of the rule */
    uint8_t text[SB_REJECTED_TEXT]; /* the reason, in UTF-8, padded with 0; empty: see error */
};

/* Rates of both ports together, in the last second. */
struct sb_traffic_rates {
    uint64_t received_pps;
    uint64_t received_bps; /* bits per second */
    uint64_t forwarded_pps;
    uint64_t consumed_pps;
    uint64_t dropped_pps;
};

/* An address or a profile for which AUTO has switched the SYN proxy on. */
struct sb_protected {
    uint8_t address[16]; /* all zero: the whole profile */
    uint64_t profile;    /* index of the profile */
};

/* All of them, for all lcores. An address may occur once for each lcore. */
struct sb_syn_proxy_on {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;   /* number of all; the first SB_PROTECTED_SHOWN are in shown */
    struct sb_protected shown[SB_PROTECTED_SHOWN];
};

struct sb_hit_entry {
    uint8_t key[16];
    uint64_t hits;
    uint64_t prefix_length;
};

/* The entries of a list with the most hits, from the last walk over all entries. */
struct sb_most_hit {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;
    struct sb_hit_entry entry[SB_MOST_HIT_MAX]; /* the most hit one first */
};

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
