/* framing.h: the checks of a head that message.c makes in addition to llhttp. */
#ifndef SB_HTTP_FRAMING_H
#define SB_HTTP_FRAMING_H

#include "message.h"

static inline void sb_http_found(struct sb_http_message *message, enum sb_http_fault fault) {
    message->faults |= 1ull << fault;
}

static inline bool sb_http_is_1_0(const struct sb_http_message *message) {
    return message->parser.http_major == 1 && message->parser.http_minor == 0;
}

/* Sets the fields of the message that follow from its complete head, and its faults. bytes: the
 * message from its first byte. */
void sb_http_check_head(struct sb_http_message *message, const uint8_t *bytes);

/* Results over all headers checked so far. */
struct sb_http_counts {
    uint8_t host; /* number of such headers, at most 255 */
    uint8_t length;
    uint8_t encoding;
    uint8_t type;
    uint8_t expect;
    bool has_close; /* options of Connection */
    bool has_keep_alive;
    bool has_upgrade;
};
/* Checks one header. */
void sb_http_check_header(struct sb_http_message *message, const uint8_t *bytes,
                          const struct sb_http_header *header, struct sb_http_counts *counts);

/* Checks method, target and version, and the bytes between them. */
void sb_http_check_request_line(struct sb_http_message *message, const uint8_t *bytes);

/* Checks Host headers and the target's authority. hosts: number of Host headers; message->host is
 * the first. */
void sb_http_check_host(struct sb_http_message *message, const uint8_t *bytes, uint32_t hosts);

/* Finds the kind of content of a Content-Type, and the boundary. */
void sb_http_check_content_type(struct sb_http_message *message, const uint8_t *bytes,
                                const struct sb_http_header *header);

/* The fault for an error of llhttp in the head. at: offset of the byte with the error. size: bytes
 * received. */
enum sb_http_fault sb_http_fault_of_head(const struct sb_http_message *message,
                                         const uint8_t *bytes, uint32_t at, uint32_t size);

/* Whether a trailer with this name (in lower case) would change a decision that was made by the
 * head (RFC 9110, 6.5.1). */
bool sb_http_is_forbidden_trailer(const uint8_t *name, uint32_t size);

/* Whether bytes are a word, regardless of case. word: in lower case. */
bool sb_http_is(const uint8_t *bytes, uint32_t size, const char *word);

static inline uint8_t sb_http_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

#endif
