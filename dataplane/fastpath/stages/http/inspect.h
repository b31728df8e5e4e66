/* inspect.h: judges a request when its head, or the inspected part of its body, is complete: first
 * its framing, then the rules.
 *
 * Each reason has the mode of the profile. A function that returns true has dropped the current
 * packet; the caller answers it.
 */
#ifndef SB_HTTP_INSPECT_H
#define SB_HTTP_INSPECT_H

#include "stream/copies.h"

/* Judges the faults that were found since the last call. */
bool sb_http_inspect_faults(const struct sb_http_work *work, struct sb_http_buffer *buffer);
bool sb_http_inspect_head(const struct sb_http_work *work, struct sb_http_buffer *buffer);
/* is_whole: the body is complete; otherwise its rest passes without inspection. */
bool sb_http_inspect_body(const struct sb_http_work *work, struct sb_http_buffer *buffer,
                          bool is_whole);

#endif
