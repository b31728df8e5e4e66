/* earlier.h: connections to inspected ports of which the beginning was not seen. */
#ifndef SB_HTTP_EARLIER_H
#define SB_HTTP_EARLIER_H

#include "stages/http/work.h"

/* A client's segment of a connection that was open before inspection began. The profile says what
 * becomes of it: closed: it is reset at the client's next byte; open: it passes, until a segment
 * begins with a request line, from which on it is inspected, but no longer than SB_HTTP_EARLIER_DS.
 * True: the segment goes no further. */
bool sb_http_judge_earlier(const struct sb_http_work *work);
/* Bytes of a client, of an unknown connection, or in its SYN: record is NULL. One that
 * found no place, or may be from before the start of the node, passes where the profile says so. */
bool sb_http_judge_stranger(const struct sb_http_work *work);
/* Whether the host answers a SYN on a connection that was open: it has forgotten that one, and what
 * follows is inspected from its beginning. */
bool sb_http_is_answered_anew(const struct sb_http_work *work);

enum { SB_HTTP_EARLIER_DS = 600 };

#endif
