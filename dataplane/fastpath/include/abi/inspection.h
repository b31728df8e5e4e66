/* abi/inspection.h: the counters of HTTP inspection and of the WAF. Each has one writer. */
#ifndef SB_ABI_INSPECTION_H
#define SB_ABI_INSPECTION_H

#include <stdint.h>

#include "abi/constants.h"

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

#endif
