/* abi/statistics.h: what is counted: plain uint64_t, one writer each. */
#ifndef SB_ABI_STATISTICS_H
#define SB_ABI_STATISTICS_H

#include <stdint.h>

#include "abi/constants.h"
#include "abi/detection.h"
#include "abi/traffic.h"

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
    uint64_t evicted;   /* unproven or ended ones that gave their place to a newer one */
    uint64_t untracked; /* found no place: all around were proven, or others' and their profile has
                           its share */
    uint64_t opening;   /* of the active: proven by a cookie, the protected host has not answered */
    uint64_t accepted;  /* ever opened so */
    uint64_t failed;    /* of those: refused, silent, or given up by the client */
    uint64_t bad_checksum; /* RST and FIN with a wrong one: passed, without effect */
    uint64_t proxied; /* of the active: opened by the SYN proxy, which no other node can go on with;
                         neither closed nor reset */
};

struct sb_waf_stats {
    uint64_t scans;         /* calls of the engine */
    uint64_t bytes;         /* that it was given */
    uint64_t failed;        /* the engine reported an error */
    uint64_t hits;          /* of all rules together */
    uint64_t cut;           /* requests that hit more rules than are listed of one */
    uint64_t sampled_scans; /* whose cycles were measured */
    uint64_t sampled_cycles;
};

/* Which part of a request a rule looks at. */
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

/* What became of a request that rules have hit. */
enum sb_waf_result {
    SB_WAF_RESULT_LOG,     /* none of them blocks */
    SB_WAF_RESULT_MONITOR, /* one does, but a mode lets the request pass */
    SB_WAF_RESULT_BLOCK,
    SB_WAF_RESULT_COUNT
};

/* What a rule has matched. Readers copy it, then look whether sequence is still the same: it is 0
 * while the rest changes. */
struct sb_evidence {
    uint64_t sequence; /* 1 + how many this lcore had written before; 0: none here */
    uint64_t boot_ds;
    uint64_t incident; /* what the client was told; 0: nothing */
    uint64_t rule;     /* its number */
    uint8_t client[16];
    uint8_t protected_address[16];
    uint16_t client_port;
    uint16_t protected_port;
    uint16_t profile;
    uint8_t action; /* enum sb_waf_action */
    uint8_t mode;   /* enum sb_mode: monitor would have, enforce has blocked */
    uint8_t target; /* enum sb_waf_class */
    uint8_t form;   /* which normal form of it */
    uint16_t line_size;
    uint16_t excerpt_size;
    uint8_t severity; /* enum sb_severity */
    uint8_t reserved;
    uint8_t line[SB_EVIDENCE_TEXT]; /* request line; cut */
    uint8_t excerpt[SB_EVIDENCE_TEXT];
};

/* Why something of an inspected port was let pass without being inspected. */
enum sb_http_uninspected {
    SB_HTTP_UNINSPECTED_EARLIER,  /* connections that were open before inspection began */
    SB_HTTP_UNINSPECTED_UNSEEN,   /* connections of which the host has what the node has not seen */
    SB_HTTP_UNINSPECTED_NOT_HTTP, /* connections with something else on them, which the profile
                                     passes */
    SB_HTTP_UNINSPECTED_UNPARSED, /* connections with what is no request, which a mode passes */
    SB_HTTP_UNINSPECTED_WEBSOCKET, /* connections that have become WebSockets */
    SB_HTTP_UNINSPECTED_CUT_OFF,   /* connections of which a capture does not have all bytes */
    SB_HTTP_UNINSPECTED_BODY_REST, /* requests whose body goes on behind the part that is inspected
                                    */
    SB_HTTP_UNINSPECTED_NOT_READY, /* requests that came before the rules were in force, or the
                                      engine failed */
    SB_HTTP_UNINSPECTED_UNTRACKED, /* segments of connections that found no place */
    SB_HTTP_UNINSPECTED_COUNT
};

/* What a client was too slow with. */
enum sb_http_slow { SB_HTTP_SLOW_HEAD, SB_HTTP_SLOW_BODY, SB_HTTP_SLOW_READ, SB_HTTP_SLOW_COUNT };

/* Status codes by their first digit; 0: others. */
enum { SB_HTTP_STATUS_CLASSES = 6 };

struct sb_http_stats {
    uint64_t connections;              /* that are inspected, or would be, now */
    uint64_t requests;                 /* whose head was complete */
    uint64_t blocked;                  /* requests: a rule, or how they are written */
    uint64_t limited;                  /* requests: one too many */
    uint64_t resets;                   /* connections that were reset on both sides */
    uint64_t slow[SB_HTTP_SLOW_COUNT]; /* of those: their clients were too slow */
    uint64_t not_inspected[SB_HTTP_UNINSPECTED_COUNT];
    uint64_t responses[SB_HTTP_STATUS_CLASSES];
    uint64_t pool_bytes;
    uint64_t pool_used; /* bytes */
    uint64_t pool_full; /* segments dropped because it, or a source's share of it, was */
};

struct sb_profile_stats {
    uint64_t count[SB_REASON_COUNT]
                  [SB_MODE_COUNT]; /* monitor: would have dropped; enforce: dropped */
};

/* Which profile counts under an index; all zero: none does. */
struct sb_profile_label {
    uint8_t name[SB_PROFILE_NAME];
};

/* Which group of rules counts under an index; all zero: none does. */
struct sb_rule_group_label {
    uint8_t name[SB_RULE_GROUP_NAME];
};

/* Durations, counted by SB_LATENCY_BOUNDS_NS. */
struct sb_latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t bucket[SB_LATENCY_BUCKETS]; /* not cumulative */
};

struct sb_lcore_stats {
    uint64_t heartbeat; /* turns of the loop */
    uint64_t busy_cycles;
    uint64_t total_cycles;
    uint64_t misrouted;     /* arrived at an lcore that does not own the client */
    uint64_t handover_lost; /* of those, dropped because the ring was full */
    uint64_t events_lost;
    struct sb_latency latency;         /* of packets: received to transmitted */
    struct sb_latency request_latency; /* of HTTP requests: complete to transmitted */
    struct sb_latency response_time;   /* of the same: transmitted to the response's first byte */
    struct sb_connection_stats connections;
    struct sb_http_stats http;
    struct sb_waf_stats waf;
    struct sb_port_stats port[SB_PORT_COUNT];
    struct sb_stage_stats stage[SB_STAGE_COUNT];
    struct sb_origin_stats origin[SB_ORIGIN_COUNT];
    uint64_t link[SB_PORT_COUNT][SB_LINK_COUNT];           /* came in; some may have been dropped */
    uint64_t inner[SB_PORT_COUNT][SB_ENCAPSULATION_COUNT]; /* came in inside one, to be judged */
    uint64_t neighbor[SB_PORT_COUNT][SB_NEIGHBOR_COUNT];   /* came in, and nobody judged them */
    uint64_t neighbor_beyond[SB_NEIGHBOR_COUNT];           /* judged as all, being too many */
    struct sb_profile_stats profile[SB_PROFILES_MAX];
    uint64_t connections_of[SB_PROFILES_MAX]; /* in the table now, by the profile that has opened
                                                 them */
    uint64_t rule_hits[SB_RULES_MAX];         /* by slot: once a request */
    uint64_t rule_group[SB_RULE_GROUPS_MAX][SB_WAF_RESULT_COUNT]; /* requests, each once: of the
                                                                     rule that evidence shows */
    uint64_t evidence_count;                                      /* ever written */
    struct sb_evidence evidence[SB_EVIDENCE_MAX];
    uint64_t capture_count; /* ever written */
    struct sb_capture capture[SB_CAPTURES_MAX];
} __attribute__((aligned(4096)));

/* What the driver counts, copied by the control loop. */
struct sb_device_stats {
    uint64_t missed;  /* rte_eth_stats.imissed */
    uint64_t errors;  /* ierrors */
    uint64_t no_mbuf; /* rx_nombuf */
    uint64_t tx_errors;
    uint64_t link_up; /* 0 or 1 */
    uint64_t speed_mbps;
    uint64_t link_can_be_held; /* 1: somebody can take its link down ... */
    uint64_t link_held;        /* ... and we keep it down */
};

/* Links that are kept down so that routers see what is the matter. */
enum sb_links_state {
    SB_LINKS_STATE_SETTLING, /* after a start or a release: links may still come */
    SB_LINKS_STATE_WATCHING,
    SB_LINKS_STATE_LOST,    /* one port has lost its link, the other is kept down */
    SB_LINKS_STATE_HOLDING, /* that link is back too early: both are kept down */
    SB_LINKS_STATE_DRAINED, /* the node drains, and both are kept down */
    SB_LINKS_STATE_COUNT
};

struct sb_links {
    uint64_t state; /* enum sb_links_state */
    uint64_t since_boot_ms;
    uint64_t loss_forwarding; /* 1: on */
    uint64_t losses;          /* that were forwarded, ever */
};

enum sb_state { SB_STATE_STARTING, SB_STATE_RUNNING, SB_STATE_DRAINING, SB_STATE_COUNT };

/* Why the node is degraded: bits. */
enum sb_degraded {
    SB_DEGRADED_STATE_LOG = 1 << 0, /* unreadable; runs on the last good generation */
    SB_DEGRADED_REJECTED = 1 << 1,  /* an entry could not be applied */
    SB_DEGRADED_LINK = 1 << 2,      /* a port has no link */
    SB_DEGRADED_COUNTRIES = 1 << 3, /* no database though the policy asks, or one that is no good */
    SB_DEGRADED_RULES = 1 << 4,     /* WAF rules wait, and nobody compiles them; or not all of those
                                        from before the start are in force yet */
    SB_DEGRADED_DETECTION = 1 << 5, /* it has failed: no attack is seen until a restart */
    SB_DEGRADED_LINK_HOLD = 1 << 6  /* links are to be taken down, and not every port's can be */
};

enum sb_drain_state {
    SB_DRAIN_STATE_OFF,
    SB_DRAIN_STATE_CONNECTIONS, /* waits for proxied connections to end */
    SB_DRAIN_STATE_TRAFFIC,     /* waits until nothing comes in */
    SB_DRAIN_STATE_COMPLETE,
    SB_DRAIN_STATE_COUNT
};

struct sb_drain {
    uint64_t wanted; /* 1: the state log says so */
    uint64_t state;  /* enum sb_drain_state */
    uint64_t takes_links_down;
    uint64_t quiet_ms; /* since anything came in but control of the link; of the drain alone */
    uint64_t lost;     /* proxied connections that were left when a drain was complete, ever */
};

/* How the WAF's rules are: bits. */
enum sb_rules_state {
    SB_RULES_READY = 1 << 0,     /* what was there at the start is in force */
    SB_RULES_BUILDING = 1 << 1,  /* databases are being compiled */
    SB_RULES_AWAY = 1 << 2,      /* no compile helper answers */
    SB_RULES_FULL = 1 << 3,      /* rules wait because the small databases are full */
    SB_RULES_NO_MEMORY = 1 << 4, /* the node is too small for a compile */
};

/* What a revision holds that could not be applied. */
enum sb_rejected_kind {
    SB_REJECTED_ENTRY,    /* of a list: key, prefix_length and list say which */
    SB_REJECTED_POLICY,   /* the one before stays */
    SB_REJECTED_IMPORT,   /* none of its entries is in force */
    SB_REJECTED_PREFIXES, /* those of the revision; they wait for the next change of a prefix */
    SB_REJECTED_RULE,     /* of the WAF: rule says which; it is not in force */
    SB_REJECTED_OVERLAYS, /* those before stay */
    SB_REJECTED_COUNT
};

struct sb_rejected {
    uint64_t revision;
    uint64_t kind;  /* enum sb_rejected_kind */
    uint64_t error; /* errno */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t list;                  /* enum sb_list */
    uint64_t rule;                  /* its number */
    uint8_t text[SB_REJECTED_TEXT]; /* why, in UTF-8, filled up with 0; empty: see error */
};

/* Of both ports together, at the pace of the last second. */
struct sb_traffic_rates {
    uint64_t received_pps;
    uint64_t received_bps; /* bits */
    uint64_t forwarded_pps;
    uint64_t consumed_pps;
    uint64_t dropped_pps;
};

/* For whom AUTO has switched the SYN proxy on. */
struct sb_protected {
    uint8_t address[16]; /* all zero: all of the profile */
    uint64_t profile;    /* its index */
};

/* Those of all lcores; one that is on for several stands there as often. */
struct sb_syn_proxy_on {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;   /* of all; the first SB_PROTECTED_SHOWN are shown */
    struct sb_protected shown[SB_PROTECTED_SHOWN];
};

struct sb_hit_entry {
    uint8_t key[16];
    uint64_t hits;
    uint64_t prefix_length;
};

/* The entries of a list that were hit most, as of the last walk over all of them. */
struct sb_most_hit {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;
    struct sb_hit_entry entry[SB_MOST_HIT_MAX]; /* the most hit first */
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
    uint64_t http_profiles;      /* of those: have HTTP inspected */
    uint64_t overlays;           /* that are laid over the policy now */
    uint64_t
        panic_until_boot_ms; /* the end of the one that lets every profile only watch; 0: none */
    uint64_t hugepages;      /* 1: packet memory lies in hugepages */
    uint64_t addresses_max;
    uint64_t addresses_used;
    uint64_t prefixes_max; /* per family */
    uint64_t prefixes_used_ipv4;
    uint64_t prefixes_used_ipv6;
    uint64_t connections_max; /* of all lcores together */
    uint64_t mbufs_max;
    uint64_t mbufs_used;
    uint64_t cpu_busy_ppm;            /* of the worker lcores, last second */
    uint64_t latency_mean_ns;         /* of a packet in the node, last 10 s */
    uint64_t request_latency_mean_ns; /* of HTTP requests: complete to transmitted; the same */
    uint64_t requests_mps;            /* HTTP requests in 1000 s, at the pace of the last second */
    struct sb_traffic_rates rates;
    uint64_t memory_bytes;   /* proportional set size and reserved hugepages */
    uint64_t events_lost;    /* of the control loop's own ring */
    uint64_t countries_date; /* of the country database's data, seconds since 1970; 0: none */
    uint64_t countries_ranges_ipv4;
    uint64_t countries_ranges_ipv6;
    uint64_t countries_bytes; /* of the table in use */
    uint64_t rules_through;   /* every revision up to this one has its WAF rules in force */
    uint64_t rules_state;     /* bits of enum sb_rules_state */
    uint64_t rules_max;
    uint64_t rules_used;
    uint64_t rules_pending; /* of those: not compiled in yet */
    uint64_t rules_bytes;   /* of the databases in force */
    uint64_t rules_databases;
    uint64_t rejected_count; /* ever; the newest SB_REJECTED_MAX are kept */
    struct sb_rejected rejected[SB_REJECTED_MAX];
    struct sb_device_stats device[SB_PORT_COUNT];
    struct sb_links links;
    struct sb_drain drain;
    uint64_t profile_version; /* odd while names and profile_removed change */
    struct sb_profile_label profile_label[SB_PROFILES_MAX];
    struct sb_profile_stats profile_removed; /* what profiles had counted that are no more */
    uint64_t rule_number[SB_RULES_MAX];      /* by slot; 0: none. Its hits are zeroed before */
    uint64_t rule_group_count;               /* labels that have ever been used, 0 included */
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
    struct sb_lcore_stats lcore[SB_LCORES_MAX]; /* lcore_count of them are used */
};

#endif
