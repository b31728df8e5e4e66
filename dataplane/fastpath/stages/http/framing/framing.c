/* framing.c: checks of a head that llhttp does not make, but that servers differ in; see framing.h.
 */
#include "framing.h"

#include <string.h>

static uint32_t end_of_line(const struct sb_http_message *message, uint32_t index);
static void trim(struct sb_http_header *header, const uint8_t *bytes);
static void check_length(struct sb_http_message *message, const uint8_t *bytes,
                         const struct sb_http_header *header);
static void check_encoding(struct sb_http_message *message, const uint8_t *bytes,
                           const struct sb_http_header *header);
static void check_connection(const uint8_t *bytes, struct sb_http_header list,
                             struct sb_http_counts *counts);
static void check_upgrade(struct sb_http_message *message, const uint8_t *bytes,
                          struct sb_http_header list);
static void finish_connection(struct sb_http_message *message, const struct sb_http_counts *counts);
static void check_counts(struct sb_http_message *message, const struct sb_http_counts *counts);

void sb_http_check_head(struct sb_http_message *message, const uint8_t *bytes) {
    struct sb_http_counts counts = {0};

    sb_http_check_request_line(message, bytes);
    for (uint32_t i = 0; i < message->header_count; i++) {
        struct sb_http_header *header = &message->header[i];

        if (end_of_line(message, i) - header->name > SB_HTTP_LINE_MAX)
            sb_http_found(message, SB_HTTP_FAULT_LINE_SIZE);
        trim(header, bytes);
        sb_http_check_header(message, bytes, header, &counts);
    }
    sb_http_check_host(message, bytes, counts.host);
    check_counts(message, &counts);
    finish_connection(message, &counts);
}

static uint32_t end_of_line(const struct sb_http_message *message, uint32_t index) {
    if (index + 1 < message->header_count)
        return message->header[index + 1].name;
    return message->head_size - 2;
}

/* Optional white space is not part of a value (RFC 9110, 5.5). */
static void trim(struct sb_http_header *header, const uint8_t *bytes) {
    const uint8_t *value = bytes + header->value;
    uint16_t size = header->value_size, first = 0;

    if (size == 0)
        return;
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    while (first < size && (value[first] == ' ' || value[first] == '\t'))
        first++;
    header->value = (uint16_t)(header->value + first);
    header->value_size = (uint16_t)(size - first);
}

void sb_http_check_header(struct sb_http_message *message, const uint8_t *bytes,
                          const struct sb_http_header *header, struct sb_http_counts *counts) {
    const uint8_t *name = bytes + header->name;
    uint32_t size = header->name_size;

    switch (size) {
    case 4:
        if (!sb_http_is(name, size, "host"))
            return;
        if (counts->host++ == 0 && message->host.size == 0)
            message->host = (struct sb_http_span){header->value, header->value_size};
        return;
    case 6:
        if (!sb_http_is(name, size, "expect"))
            return;
        message->expects_continue =
            sb_http_is(bytes + header->value, header->value_size, "100-continue");
        if (!message->expects_continue || counts->expect++ != 0)
            sb_http_found(message, SB_HTTP_FAULT_EXPECT);
        return;
    case 7:
        if (sb_http_is(name, size, "upgrade"))
            check_upgrade(message, bytes, *header);
        return;
    case 10:
        if (sb_http_is(name, size, "connection"))
            check_connection(bytes, *header, counts);
        return;
    case 12:
        if (sb_http_is(name, size, "content-type") && counts->type++ == 0)
            sb_http_check_content_type(message, bytes, header);
        return;
    case 14:
        if (sb_http_is(name, size, "content-length")) {
            counts->length++;
            check_length(message, bytes, header);
        }
        return;
    case 16:
        if (sb_http_is(name, size, "proxy-connection")) /* some servers evaluate it */
            check_connection(bytes, *header, counts);
        if (!sb_http_is(name, size, "content-encoding") ||
            sb_http_is(bytes + header->value, header->value_size, "identity"))
            return;
        message->has_content_encoding = true;
        sb_http_found(message, SB_HTTP_FAULT_CONTENT_ENCODING);
        return;
    case 17:
        if (sb_http_is(name, size, "transfer-encoding")) {
            counts->encoding++;
            check_encoding(message, bytes, header);
        }
        return;
    default:
        return;
    }
}

/* A fault unless the value consists of digits, with blanks around them. Tabs are white space too,
 * but not for all servers (RFC 9110, 8.6). */
static void check_length(struct sb_http_message *message, const uint8_t *bytes,
                         const struct sb_http_header *header) {
    const uint8_t *line = bytes + header->name + header->name_size + 1;
    uint32_t left = (uint32_t)(header->value - header->name - header->name_size - 1);

    for (uint32_t i = 0; i < header->value_size; i++)
        if (bytes[header->value + i] < '0' || bytes[header->value + i] > '9')
            sb_http_found(message, SB_HTTP_FAULT_CONTENT_LENGTH);
    if (header->value_size == 0 || memchr(line, '\t', left) != NULL ||
        bytes[header->value + header->value_size] == '\t')
        sb_http_found(message, SB_HTTP_FAULT_CONTENT_LENGTH);
}

/* Only accepts the usual spelling: every other one is read differently by some server (RFC 9112,
 * 6.1). */
static void check_encoding(struct sb_http_message *message, const uint8_t *bytes,
                           const struct sb_http_header *header) {
    static const char chunked[] = "chunked";

    if (header->value_size != sizeof(chunked) - 1 ||
        memcmp(bytes + header->value, chunked, sizeof(chunked) - 1) != 0)
        sb_http_found(message, SB_HTTP_FAULT_TRANSFER_ENCODING);
    if (sb_http_is_1_0(message))
        sb_http_found(message, SB_HTTP_FAULT_CHUNKED_IN_1_0);
}

/* The next element of a list (RFC 9110, 5.6.1). False: there is none. */
static bool next_element(struct sb_http_header *list, const uint8_t *bytes,
                         struct sb_http_header *element) {
    const uint8_t *at = bytes + list->value, *comma = memchr(at, ',', list->value_size);
    uint16_t size = comma == NULL ? list->value_size : (uint16_t)(comma - at);

    if (list->value_size == 0)
        return false;
    *element = (struct sb_http_header){.value = list->value, .value_size = size};
    trim(element, bytes);
    size = comma == NULL ? size : (uint16_t)(size + 1);
    list->value = (uint16_t)(list->value + size);
    list->value_size = (uint16_t)(list->value_size - size);
    return true;
}

/* Reads the options of Connection (RFC 9110, 7.6.1). */
static void check_connection(const uint8_t *bytes, struct sb_http_header list,
                             struct sb_http_counts *counts) {
    struct sb_http_header element;

    while (next_element(&list, bytes, &element)) {
        const uint8_t *option = bytes + element.value;

        counts->has_close |= sb_http_is(option, element.value_size, "close");
        counts->has_keep_alive |= sb_http_is(option, element.value_size, "keep-alive");
        counts->has_upgrade |= sb_http_is(option, element.value_size, "upgrade");
    }
}

/* Reads the protocols of Upgrade (RFC 9110, 7.8). A connection that has switched to HTTP/2 can't be
 * inspected. */
static void check_upgrade(struct sb_http_message *message, const uint8_t *bytes,
                          struct sb_http_header list) {
    struct sb_http_header element;

    message->is_upgrade |= list.value_size != 0;
    message->is_websocket |= sb_http_is(bytes + list.value, list.value_size, "websocket");
    while (next_element(&list, bytes, &element))
        if (element.value_size >= 2 && sb_http_is(bytes + element.value, 2, "h2"))
            sb_http_found(message, SB_HTTP_FAULT_UPGRADE);
}

static void finish_connection(struct sb_http_message *message,
                              const struct sb_http_counts *counts) {
    bool is_persistent = message->parser.http_major == 1 && message->parser.http_minor == 1;

    message->keep_alive = !counts->has_close && (is_persistent || counts->has_keep_alive);
    message->is_upgrade = message->is_connect || (message->is_upgrade && counts->has_upgrade);
    message->is_websocket = message->is_websocket && message->is_upgrade;
}

static void check_counts(struct sb_http_message *message, const struct sb_http_counts *counts) {
    if (counts->length > 1)
        sb_http_found(message, SB_HTTP_FAULT_CONTENT_LENGTH_REPEATED);
    if (counts->encoding > 1)
        sb_http_found(message, SB_HTTP_FAULT_TRANSFER_ENCODING);
    if (counts->encoding != 0 && counts->length != 0)
        sb_http_found(message, SB_HTTP_FAULT_LENGTH_AND_CHUNKED);
    if (counts->type > 1)
        sb_http_found(message, SB_HTTP_FAULT_CONTENT_TYPE);
}

bool sb_http_is(const uint8_t *bytes, uint32_t size, const char *word) {
    for (uint32_t i = 0; i < size; i++)
        if (word[i] == '\0' || sb_http_lower(bytes[i]) != (uint8_t)word[i])
            return false;
    return word[size] == '\0';
}

bool sb_http_is_forbidden_trailer(const uint8_t *name, uint32_t size) {
    static const char *const words[] = {
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    };

    for (size_t i = 0; size <= SB_HTTP_TRAILER_NAME_MAX && i < sizeof(words) / sizeof(*words); i++)
        if (strlen(words[i]) == size && memcmp(words[i], name, size) == 0)
            return true;
    return false;
}
