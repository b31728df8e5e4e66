/* stream.h: what a client sends, put in order and parsed.
 *
 * The rule is: hold nothing, acknowledge nothing. Each segment is parsed from a copy and goes on;
 * only the one that would complete a bad head, or the inspected part of a bad body, is withheld. A
 * segment behind a gap is kept and goes on as well, so the one that closes the gap is the gate.
 * What is sent once more before the host has acknowledged it must say the same: a host keeps of
 * overlapping data sometimes the first and sometimes the second.
 */
#ifndef SB_HTTP_STREAM_H
#define SB_HTTP_STREAM_H

#include "stages/http/work.h"

/* A segment of the client of an inspected connection. True: it goes no further. */
bool sb_http_client(const struct sb_http_work *work);
/* The host has acknowledged up to a number. True: the packet that says so goes no further. */
bool sb_http_acknowledged(const struct sb_http_work *work, uint32_t acknowledgment);

#endif
