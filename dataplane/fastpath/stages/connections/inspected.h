/* inspected.h: selects the connections of HTTP inspection: those to the listed ports of a profile
 * that inspects. The connections stage marks their packets for the HTTP stage. */
#ifndef SB_CONNECTIONS_INSPECTED_H
#define SB_CONNECTIONS_INSPECTED_H

#include "tables/http/http_records.h"
#include "work.h"

static inline struct sb_http *sb_http_of(const struct sb_lcore *lcore) {
    return (struct sb_http *)(uintptr_t)lcore->http;
}

/* Changes with each policy that inspects any port. 0: the policy in force inspects none. */
static inline uint8_t sb_http_generation(const struct sb_lcore *lcore) {
    return lcore->http == 0 ? 0 : sb_policy_of(lcore)->http_generation;
}

/* Marks a packet of an inspected connection for the HTTP stage. */
static inline void sb_inspect_mark(struct sb_connections_work *work, uint32_t i,
                                   const struct sb_flow *flow) {
    work->burst->packets[i].http = flow->http;
    work->burst->http |= 1u << i;
}

/* For a TCP packet that passes and that the fast path for usual segments has not handled. Decides
 * whether its connection is inspected, at the latest when the connection is proven. A flood of SYNs
 * therefore uses no records of HTTP. */
void sb_inspect(struct sb_connections_work *work, uint32_t i);

/* For a connection that the SYN proxy has opened. client: a packet of its client. client_first,
 * host_first: the sequence numbers of the first bytes of both sides, as the client sees them. */
void sb_inspect_proxied(struct sb_lcore *lcore, struct sb_flow *flow,
                        const struct sb_packet *client, uint32_t client_first, uint32_t host_first);

#endif
