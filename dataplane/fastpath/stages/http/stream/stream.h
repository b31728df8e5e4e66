/* stream.h: puts the client's bytes in order and parses them.
 *
 * The node holds no segment and acknowledges none. It parses a copy of each segment and forwards
 * it; it only withholds the segment that would complete a bad head or the inspected part of a bad
 * body. A segment behind a gap is copied and forwarded as well, so the segment that closes the gap
 * decides. Retransmitted bytes that the host has not acknowledged yet must be equal to the first
 * ones, because hosts keep sometimes the first and sometimes the second of overlapping data.
 */
#ifndef SB_HTTP_STREAM_H
#define SB_HTTP_STREAM_H

#include "stages/http/work.h"

/* Handles a segment of the client of an inspected connection. True: it is not forwarded. */
bool sb_http_client(const struct sb_http_work *work);
/* Called when the host has acknowledged up to a number. True: its packet is not forwarded. */
bool sb_http_acknowledged(const struct sb_http_work *work, uint32_t acknowledgment);

#endif
