/* answer.h: what happens to a connection whose request was refused.
 *
 * The host gets a RST, because it has received a part of the request. The client gets a page if the
 * next response must be that to the refused request; otherwise it gets a RST too. Further segments
 * of the client are answered again.
 */
#ifndef SB_HTTP_ANSWER_H
#define SB_HTTP_ANSWER_H

#include "stages/http/work.h"

enum { SB_HTTP_INCIDENT_DIGITS = 16, SB_HTTP_LINGER_DS = 50 };

/* The answer that the client got; a block of the pool. */
struct sb_http_refusal {
    uint32_t sequence;       /* of the first byte of the answer */
    uint32_t acknowledgment; /* of all bytes that the client had sent */
    uint32_t size;
    uint8_t bytes[SB_OWN_PAYLOAD_MAX];
};

/* Refuses the request that the current, dropped segment completes. Returns true: the segment is
 * withheld. */
bool sb_http_refuse(const struct sb_http_work *work);
/* Resets both sides of the connection of the current segment, which is not forwarded. */
void sb_http_reset(const struct sb_http_work *work);
/* The host has bytes that were not inspected: fail_closed of the profile decides whether the
 * connection may continue. True: it was reset, and the packet is not forwarded. */
bool sb_http_lose(const struct sb_http_work *work);

/* Handle segments of a connection that was refused or reset. Both return true: the segment is
 * absorbed. */
bool sb_http_answer_client(const struct sb_http_work *work);
bool sb_http_answer_host(const struct sb_http_work *work);

#endif
