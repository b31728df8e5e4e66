/* inspected.h: which connections are those of HTTP inspection: to the listed ports of a profile
 * that has any. The HTTP stage is told of their packets by the connections stage.
 */
#ifndef SB_CONNECTIONS_INSPECTED_H
#define SB_CONNECTIONS_INSPECTED_H

#include "tables/http/http_records.h"
#include "work.h"

static inline struct sb_http *sb_http_of(const struct sb_lcore *lcore) {
    return (struct sb_http *)(uintptr_t)lcore->http;
}

/* Changes with each policy that inspects anything; 0: the one in force does not. */
static inline uint8_t sb_http_generation(const struct sb_lcore *lcore) {
    return lcore->http == 0 ? 0 : sb_policy_of(lcore)->http_generation;
}

/* A packet of an inspected connection is for the HTTP stage. */
static inline void sb_inspect_mark(struct sb_connections_work *work, uint32_t i,
                                   const struct sb_flow *flow) {
    work->burst->packets[i].http = flow->http;
    work->burst->http |= 1u << i;
}

/* A TCP packet that goes on, and was more than usual. Decides whether its connection is inspected,
 * at the latest when it is proven: a flood of SYNs leaves nothing. */
void sb_inspect(struct sb_connections_work *work, uint32_t i);

/* A connection that the SYN proxy has opened. client: a packet of its client; the numbers are those
 * of the first bytes of both sides, as the client sees them. */
void sb_inspect_proxied(struct sb_lcore *lcore, struct sb_flow *flow,
                        const struct sb_packet *client, uint32_t client_first, uint32_t host_first);

#endif
