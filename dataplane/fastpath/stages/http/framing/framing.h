/* framing.h: what message.c asks of a head, beside what llhttp does. */
#ifndef SB_HTTP_FRAMING_H
#define SB_HTTP_FRAMING_H

#include "message.h"

static inline void sb_http_found(struct sb_http_message *message, enum sb_http_fault fault) {
    message->faults |= 1ull << fault;
}

static inline bool sb_http_is_1_0(const struct sb_http_message *message) {
    return message->parser.http_major == 1 && message->parser.http_minor == 0;
}

/* Fills in what a head says, and its faults. bytes: the message from its first one. */
void sb_http_check_head(struct sb_http_message *message, const uint8_t *bytes);

/* What the headers that have been checked say together. */
struct sb_http_counts {
    uint8_t host; /* how often there is one, at most 255 */
    uint8_t length;
    uint8_t encoding;
    uint8_t type;
    uint8_t expect;
    bool has_close; /* options of Connection */
    bool has_keep_alive;
    bool has_upgrade;
};
/* One header of it. */
void sb_http_check_header(struct sb_http_message *message, const uint8_t *bytes,
                          const struct sb_http_header *header, struct sb_http_counts *counts);

/* Method, target and version, and what is between them. */
void sb_http_check_request_line(struct sb_http_message *message, const uint8_t *bytes);

/* Host and authority of the target; hosts: how often there is a Host header, the first of which
 * is message->host. */
void sb_http_check_host(struct sb_http_message *message, const uint8_t *bytes, uint32_t hosts);

/* What kind of content a Content-Type means, and the boundary. */
void sb_http_check_content_type(struct sb_http_message *message, const uint8_t *bytes,
                                const struct sb_http_header *header);

/* Which fault an error of llhttp in the head is: error at byte at, of size that have come. */
enum sb_http_fault sb_http_fault_of_head(const struct sb_http_message *message,
                                         const uint8_t *bytes, uint32_t at, uint32_t size);

/* A trailer with this name, in lower case, would change what was decided by the head. RFC 9110,
 * 6.5.1. */
bool sb_http_is_forbidden_trailer(const uint8_t *name, uint32_t size);

/* Whether bytes are a word, which is given in lower case, in whatever case. */
bool sb_http_is(const uint8_t *bytes, uint32_t size, const char *word);

static inline uint8_t sb_http_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

#endif
