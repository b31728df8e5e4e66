/* slow.h: clients that hold a request or a response open.
 *
 * A head must be complete within a time. While a client sends a body, or delays a response, it may
 * be behind a minimum rate for a time. Every byte gives back a part of this time, so a client that
 * keeps the rate is never late, and a pause does not make it late at once either. Time in which the
 * client can't do better does not count: while the host accepts no more data, while the client
 * waits for 100 (Continue), and when it has acknowledged all that was sent of a response. A client
 * delays a response if its window is closed or if it leaves much unacknowledged.
 *
 * The connection of a late client is reset on both sides. No packet is dropped for it, so it counts
 * in sb_http_stats.slow and in the counters of reasons by profile, not in those of dropped packets.
 */
#ifndef SB_HTTP_SLOW_H
#define SB_HTTP_SLOW_H

#include "stream/copies.h"

/* Called after a segment of the client: watches the request that it leaves open. */
void sb_http_watch(const struct sb_http_work *work);
/* Called after a segment of either side. acked: what the client had acknowledged before it. True:
 * the client reads too slowly, the connection was reset, and the packet is not forwarded. */
bool sb_http_is_read_slowly(const struct sb_http_work *work, uint32_t acked);

/* Finds requests that are open for too long. Each call visits a bounded number of connections; all
 * are visited within 2 s. lcore->policy must be the policy in force. */
void sb_http_sweep(struct sb_lcore *lcore, const struct sb_time *now);

#endif
