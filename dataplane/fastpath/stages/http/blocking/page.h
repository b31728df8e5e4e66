/* page.h: what a client whose request was refused is told. */
#ifndef SB_HTTP_PAGE_H
#define SB_HTTP_PAGE_H

#include "abi.h"
#include "stages/http/framing/message.h"

struct sb_http_page {
    uint32_t size;
    uint8_t bytes[SB_OWN_PAYLOAD_MAX];
};

/* A 403 with an incident's number, in header and body, that must not be stored (RFC 9110, 15.5.4;
 * RFC 9111, 5.2.2.5), or with retry_after_s a 429 that says so (RFC 6585, 4): JSON for who asks for
 * it and not for HTML, no body for a HEAD. bytes: the message from its first one; of a head that is
 * not complete, nothing is known. */
void sb_http_write_page(struct sb_http_page *page, const struct sb_http_message *message,
                        const uint8_t *bytes, uint64_t incident, uint32_t retry_after_s);

#endif
