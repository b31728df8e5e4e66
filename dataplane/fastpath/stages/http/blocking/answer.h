/* answer.h: what becomes of a connection whose request was refused.
 *
 * The client gets a page where it is certain that it waits for nothing else; the host a RST, as it
 * has a part of the request. Else both get one. A client that goes on is answered again.
 */
#ifndef SB_HTTP_ANSWER_H
#define SB_HTTP_ANSWER_H

#include "stages/http/work.h"

enum { SB_HTTP_INCIDENT_DIGITS = 16, SB_HTTP_LINGER_DS = 50 };

/* What the client was told; a block of the pool. */
struct sb_http_refusal {
    uint32_t sequence;       /* of its first byte */
    uint32_t acknowledgment; /* of all that the client had sent */
    uint32_t size;
    uint8_t bytes[SB_OWN_PAYLOAD_MAX];
};

/* The segment at hand, which was dropped, completes a bad request. Returns true: it is withheld. */
bool sb_http_refuse(const struct sb_http_work *work);
/* Both sides of the segment at hand, which goes no further. */
void sb_http_reset(const struct sb_http_work *work);
/* The host has bytes that were not inspected: the profile says whether that may be. True: the
 * packet goes no further. */
bool sb_http_lose(const struct sb_http_work *work);

/* Segments of a connection that was refused, or reset; both return true: they are absorbed. */
bool sb_http_answer_client(const struct sb_http_work *work);
bool sb_http_answer_host(const struct sb_http_work *work);

#endif
