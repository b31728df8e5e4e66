/* response.h: where the responses of a connection begin and end, from bytes in order that nobody
 * keeps. Nothing in them is judged. */
#ifndef SB_HTTP_RESPONSE_H
#define SB_HTTP_RESPONSE_H

#include "message.h"

struct sb_http_response {
    llhttp_t parser;  /* first: callbacks know the response by it */
    uint64_t left;    /* of the body, or of the chunk at hand */
    uint16_t status;  /* once progress is beyond SB_HTTP_HEAD; 1xx: another response follows */
    uint8_t progress; /* enum sb_http_progress */
    bool keep_alive;  /* once complete: false: the host closes the connection */
    bool is_upgraded; /* 101: what follows is no HTTP */
    bool to_head;     /* answers HEAD: has no body, whatever it says */
    bool until_close; /* the body has no other end */
    bool is_chunked;
};

/* A response begins with the next byte; to_head: it is to a HEAD. */
void sb_http_response_begin(struct sb_http_response *response, bool to_head);

/* Parses bytes that begin where the last call stopped, up to the end of the response. Returns how
 * many it has used. */
uint64_t sb_http_response_feed(struct sb_http_response *response, const uint8_t *bytes,
                               uint64_t size);

/* As of a message; UINT64_MAX for a body without end. */
uint64_t sb_http_response_skippable(const struct sb_http_response *response);
void sb_http_response_skip(struct sb_http_response *response, uint64_t count);

#endif
