/* slow.h: clients that hold a request or a response open.
 *
 * A head must be complete in a time. With a body, or while it holds a response up, a client may be
 * behind a rate for a time: every byte gives it a part of that time back, so a client that keeps
 * the rate is never late, and a pause is not either. What the client can't help is not counted: a
 * host that takes no more, or that it waits for with Expect: 100-continue, and responses of which
 * it has all that there is. It holds a response up where its window is closed, or much is not
 * acknowledged.
 *
 * Who is late has its connection reset on both sides. No packet is dropped by it, so it counts in
 * sb_http_stats.slow, and of the reasons only by profile.
 */
#ifndef SB_HTTP_SLOW_H
#define SB_HTTP_SLOW_H

#include "stream/copies.h"

/* A segment of the client has been taken: what it leaves open is watched. */
void sb_http_watch(const struct sb_http_work *work);
/* A segment of either side has been taken, before which the client had acknowledged up to a number.
 * True: it reads too slowly, and the packet goes no further. */
bool sb_http_is_read_slowly(const struct sb_http_work *work, uint32_t acked);

/* Looks for requests that are open for too long, a bounded number of connections at a call: all of
 * them in 2 s. With the policy in force at hand. */
void sb_http_sweep(struct sb_lcore *lcore, const struct sb_time *now);

#endif
