/* response.h: the beginning and end of the responses of a connection, from bytes in order that are
 * not kept. Responses are not judged. */
#ifndef SB_HTTP_RESPONSE_H
#define SB_HTTP_RESPONSE_H

#include "message.h"

struct sb_http_response {
    llhttp_t parser; /* first member: callbacks cast it to the response */
    uint64_t left;   /* bytes left of the body or of the current chunk */
    /* valid after progress has passed SB_HTTP_HEAD; 1xx: another response follows */
    uint16_t status;
    uint8_t progress; /* enum sb_http_progress */
    bool keep_alive;  /* valid when complete; false: the host closes the connection */
    bool is_upgraded; /* 101: another protocol follows */
    bool to_head;     /* answers a HEAD: no body, whatever its headers say */
    bool until_close; /* the body ends with the connection */
    bool is_chunked;
};

/* Begins a response with the next byte. to_head: it answers a HEAD. */
void sb_http_response_begin(struct sb_http_response *response, bool to_head);

/* Parses bytes that begin where the last call stopped, up to the end of the response. Returns how
 * many bytes it has used. */
uint64_t sb_http_response_feed(struct sb_http_response *response, const uint8_t *bytes,
                               uint64_t size);

/* As for a message; UINT64_MAX for a body that ends with the connection. */
uint64_t sb_http_response_skippable(const struct sb_http_response *response);
void sb_http_response_skip(struct sb_http_response *response, uint64_t count);

#endif
