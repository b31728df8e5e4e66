/* forms_head.c: the values of a request's head. See forms.h. */
#include <errno.h>
#include <string.h>

#include "forms_private.h"

enum { SEEN_WORDS = 4 /* of 64 bits; a power of two */ };

struct head {
    struct sb_http_values *values;
    const struct sb_http_message *message;
    const uint8_t *bytes;
    uint32_t traits; /* of all headers */
    /* bit i: the first of several headers with the same name */
    uint64_t again[(SB_HTTP_HEADERS_MAX + 63) / 64];
};

static void copy_head(struct head *head);
static void add_target(struct head *head);
static uint32_t add_lines(struct head *head, const struct sb_http_span *span, uint8_t separator);
static void add_headers(struct head *head);
static void add_headers_that_are(struct head *head, bool secret);
static bool is_secret(const uint8_t *name, uint32_t size);
static void add_cookie_lines(struct sb_http_values *values, uint32_t offset, uint32_t size);
static void add_cookies(struct sb_http_values *values, const uint8_t *in, uint32_t size);
static void find_again(struct head *head);
static uint32_t mark_of(const uint8_t *name, uint32_t size);
static void add_joined(struct head *head, uint32_t first);
static bool is_same_name(const struct head *head, uint32_t one, uint32_t other);

int sb_http_values_of_head(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes) {
    struct head head = {.values = values, .message = message, .bytes = bytes};

    if (message->head_size > SB_HTTP_HEAD_MAX || values->capacity < SB_HTTP_TEXT_SIZE(0))
        return -ENOSPC;
    sb_forms_begin(values);
    copy_head(&head);
    sb_forms_piece(values, SB_WAF_METHOD, 0, message->method.offset, message->method.size);
    add_target(&head);
    add_headers(&head);
    sb_forms_finish(values);
    return 0;
}

/* Copies the head to the same offsets. Line ends and blanks behind values become LF. */
static void copy_head(struct head *head) {
    const struct sb_http_message *message = head->message;
    uint8_t *text = head->values->text[SB_HTTP_FORM_RAW];
    uint32_t size = message->head_size,
             line = message->header_count != 0 ? message->header[0].name : size;

    sb_text_copy(head->bytes, line, text, '\r', '\n');
    head->traits = sb_text_copy(head->bytes + line, size - line, text + line, '\r', '\n');
    for (uint32_t i = 0; i < message->header_count; i++) {
        uint32_t at = message->header[i].value + message->header[i].value_size;

        for (; at < size && (text[at] == ' ' || text[at] == '\t'); at++)
            text[at] = '\n';
    }
    head->values->size[SB_HTTP_FORM_RAW] = size;
}

/* Adds path and query as separate lines to RAW, so that a pattern can match their beginning and
 * end. */
static void add_target(struct head *head) {
    const struct sb_http_span *path = &head->message->path, *query = &head->message->query;
    struct sb_http_values *values = head->values;
    struct sb_forms_mark since = sb_forms_here(values);

    add_lines(head, path, '\n');
    sb_forms_piece(values, SB_WAF_PATH, 0, path->offset, path->size);
    sb_forms_path(values, head->bytes + path->offset, path->size);
    sb_forms_pieces(values, SB_WAF_PATH, 0, &since);
    if (query->size == 0)
        return;
    since = sb_forms_here(values);
    sb_forms_piece(values, SB_WAF_QUERY, 0, query->offset, query->size);
    if ((add_lines(head, query, '&') & SB_TEXT_AMPERSAND) != 0)
        sb_forms_piece(values, SB_WAF_QUERY, 0, since.at[SB_HTTP_FORM_RAW], query->size);
    sb_forms_split(values, head->bytes + query->offset, query->size, '&', &sb_forms_argument);
    sb_forms_pieces(values, SB_WAF_QUERY, 0, &since);
}

/* Returns the traits. */
static uint32_t add_lines(struct head *head, const struct sb_http_span *span, uint8_t separator) {
    struct sb_http_values *values = head->values;
    uint32_t traits = sb_text_copy(head->bytes + span->offset, span->size,
                                   sb_forms_end(values, SB_HTTP_FORM_RAW), separator, '\n');

    sb_forms_line(values, SB_HTTP_FORM_RAW, span->size);
    return traits;
}

static void add_headers(struct head *head) {
    find_again(head);
    add_headers_that_are(head, false);
    sb_forms_secrets_follow(head->values);
    add_headers_that_are(head, true);
}

/* Credentials, including cookies, come last, so that evidence can leave them out by their offset.
 */
static void add_headers_that_are(struct head *head, bool secret) {
    const struct sb_http_message *message = head->message;
    struct sb_http_values *values = head->values;
    const uint32_t each = 1u << SB_WAF_HEADER | 1u << SB_WAF_COOKIE;
    /* The usual case: no rule has single headers as target, and no header has an escape. */
    bool only_again =
        !secret && (head->traits & SB_FORMS_FOLDED) == 0 && (values->classes & each) == 0;

    for (uint32_t i = 0; i < message->header_count && !only_again; i++) {
        const struct sb_http_header *header = &message->header[i];

        if (is_secret(head->bytes + header->name, header->name_size) == secret)
            sb_forms_add_header(values, head->bytes + header->name, header->name_size,
                                header->value, header->value_size);
    }
    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct sb_http_header *header = &message->header[i];

        if (head->again[i / 64] == 0)
            i |= 63;
        else if ((head->again[i / 64] >> i % 64 & 1) != 0 &&
                 is_secret(head->bytes + header->name, header->name_size) == secret)
            add_joined(head, i);
    }
}

static bool is_secret(const uint8_t *name, uint32_t size) {
    return sb_forms_is(name, size, "cookie") || sb_forms_is(name, size, "authorization") ||
           sb_forms_is(name, size, "proxy-authorization");
}

void sb_forms_add_header(struct sb_http_values *values, const uint8_t *name, uint32_t name_size,
                         uint32_t offset, uint32_t size) {
    const uint8_t *value = values->text[SB_HTTP_FORM_RAW] + offset;
    struct sb_forms_mark since = sb_forms_here(values);
    bool has_cookies = sb_forms_is(name, name_size, "cookie");
    uint32_t hash = sb_forms_wants(values, SB_WAF_HEADER) ? sb_waf_name(name, name_size) : 0;

    sb_forms_piece(values, SB_WAF_HEADER, hash, offset, size);
    if (has_cookies) {
        add_cookie_lines(values, offset, size);
        add_cookies(values, values->text[SB_HTTP_FORM_RAW] + offset, size);
    } else {
        sb_forms_value(values, value, size, &sb_forms_header);
    }
    sb_forms_pieces(values, SB_WAF_HEADER, hash, &since);
    if (has_cookies)
        sb_forms_pieces(values, SB_WAF_COOKIE, 0, &since);
}

/* Adds a line for each cookie to RAW, so that a pattern can match its beginning and end. */
static void add_cookie_lines(struct sb_http_values *values, uint32_t offset, uint32_t size) {
    const uint8_t *value = values->text[SB_HTTP_FORM_RAW] + offset;
    uint32_t at = values->size[SB_HTTP_FORM_RAW], traits;
    uint8_t *out = sb_forms_end(values, SB_HTTP_FORM_RAW), *end = out + size;

    sb_forms_piece(values, SB_WAF_COOKIE, 0, offset, size);
    if (size == 0)
        return;
    traits = sb_text_copy(value, size, out, ';', '\n');
    sb_forms_line(values, SB_HTTP_FORM_RAW, size);
    if ((traits & SB_TEXT_SEMICOLON) != 0)
        sb_forms_piece(values, SB_WAF_COOKIE, 0, at, size);
    while (out < end && (out = memchr(out, '\n', (size_t)(end - out))) != NULL)
        for (out++; out < end && (*out == ' ' || *out == '\t'); out++)
            *out = '\n';
}

/* Cookies are separated by a semicolon and a blank (RFC 6265, 4.2.1); other blanks are tolerated.
 */
static void add_cookies(struct sb_http_values *values, const uint8_t *in, uint32_t size) {
    const uint8_t *end = in + size;

    if ((sb_text_traits(in, size) & SB_FORMS_FOLDED) == 0)
        return;
    for (; in < end; in++) {
        const uint8_t *next = memchr(in, ';', (size_t)(end - in)), *last;

        last = next = next == NULL ? end : next;
        while (in < last && (*in == ' ' || *in == '\t'))
            in++;
        while (in < last && (last[-1] == ' ' || last[-1] == '\t'))
            last--;
        sb_forms_value(values, in, (uint32_t)(last - in), &sb_forms_header);
        in = next;
    }
}

/* Marks headers whose name occurs again. Servers join the values of such headers, or use one of
 * them, so each value is scanned alone, and all of them joined. */
static void find_again(struct head *head) {
    const struct sb_http_message *message = head->message;
    uint64_t seen[SEEN_WORDS] = {0};

    for (uint32_t i = 0; i < message->header_count; i++) {
        const struct sb_http_header *header = &message->header[i];
        uint32_t mark = mark_of(head->bytes + header->name, header->name_size);
        uint64_t *word = &seen[mark / 64 % SEEN_WORDS], bit = 1ull << mark % 64;

        for (uint32_t j = 0; (*word & bit) != 0 && j < i; j++) {
            if (is_same_name(head, j, i)) {
                head->again[j / 64] |= 1ull << j % 64;
                break;
            }
        }
        *word |= bit;
    }
}

/* A hash for names. It ignores case. Different names seldom have the same value. */
static uint32_t mark_of(const uint8_t *name, uint32_t size) {
    uint32_t first = name[0] | 0x20u, last = name[size - 1] | 0x20u,
             middle = name[size / 2] | 0x20u;

    return (first + 7 * last + 19 * middle + 37 * size) % (64 * SEEN_WORDS);
}

static void add_joined(struct head *head, uint32_t first) {
    const struct sb_http_message *message = head->message;
    const struct sb_http_header *header = &message->header[first];
    struct sb_http_values *values = head->values;
    uint32_t offset = values->size[SB_HTTP_FORM_RAW], size = 0;
    uint8_t *out = sb_forms_end(values, SB_HTTP_FORM_RAW);
    /* Separators: RFC 6265, 5.4; RFC 9110, 5.3. */
    const char *between =
        sb_forms_is(head->bytes + header->name, header->name_size, "cookie") ? "; " : ", ";

    for (uint32_t i = first; i < message->header_count; i++) {
        const struct sb_http_header *one = &message->header[i];

        if (i != first && !is_same_name(head, first, i))
            continue;
        if (i != first) {
            memcpy(out + size, between, 2);
            size += 2;
        }
        memcpy(out + size, head->bytes + one->value, one->value_size);
        size += one->value_size;
    }
    sb_forms_line(values, SB_HTTP_FORM_RAW, size);
    sb_forms_add_header(values, head->bytes + header->name, header->name_size, offset, size);
}

static bool is_same_name(const struct head *head, uint32_t one, uint32_t other) {
    const struct sb_http_header *header = head->message->header;
    const uint8_t *a = head->bytes + header[one].name, *b = head->bytes + header[other].name;

    if (header[one].name_size != header[other].name_size)
        return false;
    for (uint32_t i = 0; i < header[one].name_size; i++)
        if (a[i] != b[i] && ((a[i] ^ b[i]) != 0x20 || (a[i] | 0x20) < 'a' || (a[i] | 0x20) > 'z'))
            return false;
    return true;
}
