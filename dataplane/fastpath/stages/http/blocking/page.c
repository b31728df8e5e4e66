#include "page.h"

#include <stdio.h>
#include <string.h>

#define HEAD                                                                                       \
    "HTTP/1.1 %s\r\n"                                                                              \
    "Content-Type: %s\r\n"                                                                         \
    "Content-Length: %u\r\n"                                                                       \
    "Cache-Control: no-store\r\n"                                                                  \
    "X-Request-Id: %016llx\r\n"
#define RETRY "Retry-After: %u\r\n"
#define END "Connection: close\r\n\r\n"
#define HTML                                                                                       \
    "<!DOCTYPE html><title>%s</title><h1>%s</h1>"                                                  \
    "<p>%s Incident: %016llx</p>\n"
#define JSON "{\"error\":\"%s\",\"message\":\"%s\",\"incident\":\"%016llx\"}\n"

enum { BODY_MAX = 192, TYPE_MAX = 24, NUMBERS_MAX = 32 };

/* The texts of one kind of refusal. */
struct wording {
    char status[24];
    char title[20];
    char error[20];
    char sentence[32];
};

static const struct wording blocked = {"403 Forbidden", "Forbidden", "forbidden",
                                       "This request was blocked."};
static const struct wording limited = {"429 Too Many Requests", "Too Many Requests",
                                       "too_many_requests", "Too many requests."};

_Static_assert(sizeof(HEAD RETRY END) + sizeof(blocked.status) + TYPE_MAX + NUMBERS_MAX + BODY_MAX <
                   SB_OWN_PAYLOAD_MAX,
               "a page is one segment");
_Static_assert(sizeof(HTML) + 2 * sizeof(limited.title) + sizeof(limited.sentence) + 16 <
                       BODY_MAX &&
                   sizeof(JSON) + sizeof(limited.error) + sizeof(blocked.sentence) + 16 < BODY_MAX,
               "BODY_MAX");

static uint32_t write_head(struct sb_http_page *page, const char *status, const char *type,
                           uint32_t body_size, uint64_t incident, uint32_t retry_after_s);
static bool wants_json(const struct sb_http_message *message, const uint8_t *bytes);
static bool has(const uint8_t *text, uint32_t size, const char *word);

void sb_http_write_page(struct sb_http_page *page, const struct sb_http_message *message,
                        const uint8_t *bytes, uint64_t incident, uint32_t retry_after_s) {
    const bool is_json = wants_json(message, bytes);
    const struct wording *say = retry_after_s == 0 ? &blocked : &limited;
    const unsigned long long id = incident;
    char body[BODY_MAX];
    uint32_t body_size;

    body_size =
        (uint32_t)(is_json ? snprintf(body, sizeof(body), JSON, say->error, say->sentence, id)
                           : snprintf(body, sizeof(body), HTML, say->title, say->title,
                                      say->sentence, id));
    page->size =
        write_head(page, say->status, is_json ? "application/json" : "text/html; charset=utf-8",
                   body_size, incident, retry_after_s);
    if (message->progress != SB_HTTP_HEAD && message->is_head)
        return;
    memcpy(page->bytes + page->size, body, body_size);
    page->size += body_size;
}

/* Writes the head of the response. Returns its size. */
static uint32_t write_head(struct sb_http_page *page, const char *status, const char *type,
                           uint32_t body_size, uint64_t incident, uint32_t retry_after_s) {
    char *out = (char *)page->bytes;
    size_t size = sizeof(page->bytes);
    uint32_t used =
        (uint32_t)snprintf(out, size, HEAD, status, type, body_size, (unsigned long long)incident);

    if (retry_after_s != 0)
        used += (uint32_t)snprintf(out + used, size - used, RETRY, retry_after_s);
    return used + (uint32_t)snprintf(out + used, size - used, END);
}

static bool wants_json(const struct sb_http_message *message, const uint8_t *bytes) {
    for (uint32_t i = 0; message->progress != SB_HTTP_HEAD && i < message->header_count; i++) {
        const struct sb_http_header *header = &message->header[i];
        const uint8_t *value = bytes + header->value;

        if (header->name_size == 6 && has(bytes + header->name, 6, "accept"))
            return has(value, header->value_size, "json") &&
                   !has(value, header->value_size, "html");
    }
    return false;
}

/* Whether a text contains a word, regardless of case. word: in lower case. */
static bool has(const uint8_t *text, uint32_t size, const char *word) {
    const uint32_t length = (uint32_t)strlen(word);

    for (uint32_t at = 0; at + length <= size; at++) {
        uint32_t same = 0;

        while (same < length && (text[at + same] | 0x20) == word[same])
            same++;
        if (same == length)
            return true;
    }
    return false;
}
