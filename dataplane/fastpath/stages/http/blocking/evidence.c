#include "evidence.h"

#include "packet/address.h"
#include "stages/http/forms/forms.h"

#define HIDDEN "***"

enum {
    HIDDEN_SIZE = sizeof(HIDDEN) - 1,
    BEFORE = SB_EVIDENCE_TEXT * 3 / 4 /* bytes before the end of a match */
};

/* Parts of the names of arguments, cookies and headers whose values are hidden. */
static const char *const secret_words[] = {"pass", "token",  "secret", "key",
                                           "auth", "cookie", "session"};

static uint32_t larger(uint32_t one, uint32_t other) {
    return one > other ? one : other;
}

static bool is_secret_header(uint32_t name);
static uint32_t mask(uint8_t *out, uint32_t room, const uint8_t *text, uint32_t from, uint32_t to,
                     uint32_t shown_from);
static bool is_secret(const uint8_t *name, uint32_t size);
static bool ends_value(uint8_t byte, bool is_header);

void sb_http_note_line(struct sb_http_evidence *evidence, const struct sb_http_message *message,
                       const uint8_t *bytes) {
    const uint32_t from = message->method.offset;
    const uint8_t *end = memchr(bytes + from, '\n', message->head_size - from);
    uint32_t to = end == NULL ? message->head_size : (uint32_t)(end - bytes);

    if (to > from && bytes[to - 1] == '\r')
        to--;
    evidence->line_size = (uint16_t)mask(evidence->line, SB_EVIDENCE_TEXT, bytes, from, to, from);
}

/* Only uses the line of the match, because other lines may be values whose (secret) name is on no
 * line. */
uint16_t sb_http_excerpt(uint8_t *out, const struct sb_http_shown *shown, uint32_t end) {
    const uint8_t *text = shown->bytes, *line_end;
    uint32_t from, to;

    if (end > 0 && text[end - 1] == '\n')
        end--;
    line_end = memchr(text + end, '\n', shown->size - end);
    to = line_end == NULL ? shown->size : (uint32_t)(line_end - text);
    for (from = end; from > 0 && text[from - 1] != '\n';)
        from--;
    if (shown->class == SB_WAF_COOKIE ||
        (shown->class == SB_WAF_HEADER && is_secret_header(shown->name)) || end >= shown->secret) {
        memcpy(out, HIDDEN, HIDDEN_SIZE);
        return HIDDEN_SIZE;
    }
    return (uint16_t)mask(out, SB_EVIDENCE_TEXT, text, from, to,
                          end > BEFORE ? larger(end - BEFORE, from) : from);
}

static bool is_secret_header(uint32_t name) {
    static const char *const names[] = {"authorization", "cookie", "proxy-authorization"};

    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sb_waf_name((const uint8_t *)names[i], (uint32_t)strlen(names[i])) == name)
            return true;
    return false;
}

void sb_http_add_evidence(const struct sb_http_work *work, const struct sb_waf_request *request,
                          const struct sb_http_evidence *noted, bool is_refused) {
    const struct sb_packet *packet = work->packet;
    const uint8_t *ports = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    const bool blocks = request->block != 0;
    const uint32_t slot = blocks ? request->block - 1 : request->hit[0];
    const struct sb_waf_place *place = blocks ? &request->block_place : &request->place;
    const enum sb_waf_result result = is_refused ? SB_WAF_RESULT_BLOCK
                                      : blocks   ? SB_WAF_RESULT_MONITOR
                                                 : SB_WAF_RESULT_LOG;
    struct sb_evidence evidence = {
        .incident = is_refused ? work->http->incident : 0,
        .rule = sb_waf_number(work->lcore, slot),
        .client_port = (uint16_t)sb_load16(ports + SB_L4_SOURCE_PORT),
        .protected_port = (uint16_t)sb_load16(ports + SB_L4_DESTINATION_PORT),
        .profile = packet->profile,
        .action = blocks ? SB_WAF_BLOCK : SB_WAF_LOG,
        .mode = (uint8_t)sb_http_rule_mode(work, request),
        .target = place->target,
        .form = place->form,
        .line_size = noted->line_size,
        .excerpt_size = blocks ? noted->block_size : noted->hit_size,
    };

    sb_packet_address(packet, packet->client_offset, evidence.client);
    sb_packet_address(packet, packet->protected_offset, evidence.protected_address);
    memcpy(evidence.line, noted->line, sizeof(evidence.line));
    memcpy(evidence.excerpt, blocks ? noted->block : noted->hit, sizeof(evidence.excerpt));
    sb_evidence_add(work->lcore, &evidence, slot, result, work->now);
}

/* Copies text[shown_from] to text[to - 1], at most room bytes. from: beginning of the line. The
 * value behind a secret name is replaced by three asterisks. Returns the size. */
static uint32_t mask(uint8_t *out, uint32_t room, const uint8_t *text, uint32_t from, uint32_t to,
                     uint32_t shown_from) {
    uint32_t name = from, size = 0;
    bool is_header = false, is_hidden = false;

    for (uint32_t at = from; at < to && size < room; at++) {
        const uint8_t byte = text[at];

        if (ends_value(byte, is_header)) {
            is_hidden = is_header = false;
            name = at + 1;
        } else if (!is_hidden && !is_header && (byte == '=' || byte == ':')) {
            is_hidden = is_secret(text + name, at - name);
            is_header = is_hidden && byte == ':';
            if (at >= shown_from)
                out[size++] = byte;
            for (uint32_t i = 0; is_hidden && i < HIDDEN_SIZE && size < room; i++)
                out[size++] = (uint8_t)HIDDEN[i];
            continue;
        }
        if (at >= shown_from && !is_hidden)
            out[size++] = byte;
    }
    return size;
}

/* The value of a secret header ends with its line. */
static bool ends_value(uint8_t byte, bool is_header) {
    if (byte == '\n' || byte == '\r')
        return true;
    return !is_header && (byte == '&' || byte == ';' || byte == '?' || byte == ' ' || byte == ',');
}

static bool is_secret(const uint8_t *name, uint32_t size) {
    for (uint32_t w = 0; w < sizeof(secret_words) / sizeof(secret_words[0]); w++) {
        const uint32_t length = (uint32_t)strlen(secret_words[w]);

        for (uint32_t at = 0; at + length <= size; at++) {
            uint32_t same = 0;

            while (same < length && (name[at + same] | 0x20) == secret_words[w][same])
                same++;
            if (same == length)
                return true;
        }
    }
    return false;
}
