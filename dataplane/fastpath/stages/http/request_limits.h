/* request_limits.h: how many requests a second may come, by sources, destinations, profile and
 * path. Each is charged once, when its head is complete, before any rule is asked about it. */
#ifndef SB_HTTP_REQUEST_LIMITS_H
#define SB_HTTP_REQUEST_LIMITS_H

#include "stream/copies.h"

/* True: it is one too many, and refused; buffer->retry_after_s says when the next one has room. */
bool sb_http_limit(const struct sb_http_work *work, struct sb_http_buffer *buffer);

#endif
