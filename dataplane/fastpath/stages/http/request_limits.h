/* request_limits.h: limits of requests per second by source, destination, profile and path. Each
 * request is charged once, when its head is complete, before any rule scans it. */
#ifndef SB_HTTP_REQUEST_LIMITS_H
#define SB_HTTP_REQUEST_LIMITS_H

#include "stream/copies.h"

/* True: the request exceeds a limit and is refused; buffer->retry_after_s is the time until the
 * bucket has room for the next one. */
bool sb_http_limit(const struct sb_http_work *work, struct sb_http_buffer *buffer);

#endif
