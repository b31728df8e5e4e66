/* earlier.h: connections to inspected ports whose beginning the node has not seen. */
#ifndef SB_HTTP_EARLIER_H
#define SB_HTTP_EARLIER_H

#include "stages/http/work.h"

/* Judges a client's segment of a connection that was open before inspection began. The profile
 * decides: fail_closed resets it at the client's next byte. Otherwise it passes until a segment
 * begins with a request line, from which on it is inspected, but no longer than SB_HTTP_EARLIER_DS.
 * True: the segment is not forwarded. */
bool sb_http_judge_earlier(const struct sb_http_work *work);
/* Judges bytes of a client without a record: of an unknown connection, or in a SYN. work->record is
 * NULL. If the table had no place, or the connection may be older than the node's start, the bytes
 * pass unless the profile fails closed. */
bool sb_http_judge_stranger(const struct sb_http_work *work);
/* Whether the host answers a SYN within an open connection. It has then forgotten the old
 * connection, and the new one is inspected from its beginning. */
bool sb_http_is_answered_anew(const struct sb_http_work *work);

enum { SB_HTTP_EARLIER_DS = 600 };

#endif
