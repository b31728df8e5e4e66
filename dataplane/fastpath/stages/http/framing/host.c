/* host.c: the host that a request addresses. Servers select it by the Host header, by the target,
 * or by both. */
#include "framing.h"

#include <string.h>

static const struct sb_http_header *host_header(const struct sb_http_message *message,
                                                const uint8_t *bytes);
static bool is_valid(const uint8_t *host, uint32_t size);
static uint32_t name_size(const uint8_t *host, uint32_t size);
static bool is_port(const uint8_t *port, uint32_t size);
static bool is_same(const uint8_t *one, uint32_t one_size, const uint8_t *other,
                    uint32_t other_size);

void sb_http_check_host(struct sb_http_message *message, const uint8_t *bytes, uint32_t hosts) {
    const uint8_t *chosen = bytes + message->host.offset;

    if (hosts == 0) {
        if (!sb_http_is_1_0(message))
            sb_http_found(message, SB_HTTP_FAULT_HOST_MISSING);
        if (message->host.size != 0 && !is_valid(chosen, message->host.size))
            sb_http_found(message, SB_HTTP_FAULT_HOST_INVALID);
        return;
    }
    if (hosts > 1)
        sb_http_found(message, SB_HTTP_FAULT_HOST_REPEATED);
    const struct sb_http_header *header = host_header(message, bytes);
    const uint8_t *value = bytes + header->value;
    if (!is_valid(value, header->value_size) || !is_valid(chosen, message->host.size))
        sb_http_found(message, SB_HTTP_FAULT_HOST_INVALID);
    if (!is_same(chosen, message->host.size, value, header->value_size))
        sb_http_found(message, SB_HTTP_FAULT_HOST_DIFFERS);
}

static const struct sb_http_header *host_header(const struct sb_http_message *message,
                                                const uint8_t *bytes) {
    const struct sb_http_header *header = message->header;

    while (header->name_size != 4 || !sb_http_is(bytes + header->name, 4, "host"))
        header++;
    return header;
}

/* Whether the text is uri-host [ ":" port ] (RFC 9110, 7.2). Names may only have the characters of
 * names with an address: letters, digits, dots, hyphens and underscores. */
static bool is_valid(const uint8_t *host, uint32_t size) {
    uint32_t name = name_size(host, size);

    if (name == 0 || (name < size && !is_port(host + name, size - name)))
        return false;
    if (host[0] == '[') {
        for (uint32_t i = 1; i < name - 1; i++)
            if (strchr("0123456789abcdefABCDEF:.", host[i]) == NULL || host[i] == '\0')
                return false;
        return name > 2 && host[name - 1] == ']';
    }
    for (uint32_t i = 0; i < name; i++) {
        uint8_t byte = sb_http_lower(host[i]);

        if ((byte < 'a' || byte > 'z') && (byte < '0' || byte > '9') && byte != '.' &&
            byte != '-' && byte != '_')
            return false;
    }
    return true;
}

/* Size without the port: up to the bracket that ends an address, or to the first colon. */
static uint32_t name_size(const uint8_t *host, uint32_t size) {
    const uint8_t *end;

    if (size != 0 && host[0] == '[') {
        end = memchr(host, ']', size);
        return end == NULL ? size : (uint32_t)(end - host) + 1;
    }
    end = memchr(host, ':', size);
    return end == NULL ? size : (uint32_t)(end - host);
}

/* Whether the text is a colon and up to five digits. */
static bool is_port(const uint8_t *port, uint32_t size) {
    if (port[0] != ':' || size > 6)
        return false;
    for (uint32_t i = 1; i < size; i++)
        if (port[i] < '0' || port[i] > '9')
            return false;
    return true;
}

/* Compares hosts as servers do: without port and final dot, regardless of case. */
static bool is_same(const uint8_t *one, uint32_t one_size, const uint8_t *other,
                    uint32_t other_size) {
    one_size = name_size(one, one_size);
    other_size = name_size(other, other_size);
    one_size -= one_size != 0 && one[one_size - 1] == '.';
    other_size -= other_size != 0 && other[other_size - 1] == '.';
    if (one_size != other_size)
        return false;
    for (uint32_t i = 0; i < one_size; i++)
        if (sb_http_lower(one[i]) != sb_http_lower(other[i]))
            return false;
    return true;
}
