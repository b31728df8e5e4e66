/* inspect.h: what is asked of a request once its head, or the inspected part of its body, is there:
 * its framing, then the rules.
 *
 * The mode of each reason is the profile's. A function that returns true has dropped the packet at
 * hand; the caller answers it. */
#ifndef SB_HTTP_INSPECT_H
#define SB_HTTP_INSPECT_H

#include "stream/copies.h"

/* The faults that were found since they were last asked about. */
bool sb_http_inspect_faults(const struct sb_http_work *work, struct sb_http_buffer *buffer);
bool sb_http_inspect_head(const struct sb_http_work *work, struct sb_http_buffer *buffer);
/* is_whole: the body is complete; else the rest of it passes. */
bool sb_http_inspect_body(const struct sb_http_work *work, struct sb_http_buffer *buffer,
                          bool is_whole);

#endif
