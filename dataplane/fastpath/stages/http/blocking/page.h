/* page.h: the response to a client whose request was refused. */
#ifndef SB_HTTP_PAGE_H
#define SB_HTTP_PAGE_H

#include "abi.h"
#include "stages/http/framing/message.h"

struct sb_http_page {
    uint32_t size;
    uint8_t bytes[SB_OWN_PAYLOAD_MAX];
};

/* Writes a response 403 with the incident number in header and body, which must not be stored (RFC
 * 9110, 15.5.4; RFC 9111, 5.2.2.5). With retry_after_s it is a 429 with Retry-After (RFC 6585, 4).
 * The body is JSON if the client accepts JSON and not HTML; a HEAD gets no body. bytes: the message
 * from its first byte. If the head is not complete, the request's headers are not known. */
void sb_http_write_page(struct sb_http_page *page, const struct sb_http_message *message,
                        const uint8_t *bytes, uint64_t incident, uint32_t retry_after_s);

#endif
