#include "inspect.h"

#include "forms/forms.h"

/* The memory of an lcore for inspecting one request at a time. */
struct scratch {
    struct sb_http_values values;
    uint8_t content[SB_HTTP_BODY_LIMIT_MAX];
    uint8_t text[SB_HTTP_FORM_COUNT][SB_HTTP_TEXT_SIZE(SB_HTTP_BODY_LIMIT_MAX)];
};

_Static_assert(sizeof(struct scratch) <= SB_HTTP_SCRATCH, "room for one request");

/* A text that is larger than the engine accepts is scanned in parts, which overlap by this many
 * bytes. */
enum { COMMON = 1 << 16 };

/* The state of the scan of one request. */
struct scan {
    struct sb_waf_request *request;
    struct sb_http_evidence *evidence;
    const struct sb_http_message *message;
    const uint8_t *bytes; /* the message from its first byte */
    uint32_t classes;
    bool has_failed;
    uint32_t secret; /* offset in the scanned bytes, as in struct sb_http_shown */
};

static struct sb_http_values *values_of(const struct sb_http_work *work,
                                        const struct sb_waf_request *request);
static bool judge(const struct sb_http_work *work, const struct sb_http_values *values,
                  bool has_failed, bool is_last);
static void scan_values(struct scan *scan, const struct sb_http_values *values);
static void scan_text(struct scan *scan, const struct sb_http_piece *piece, const uint8_t *text);
static void note_hits(struct scan *scan, const struct sb_http_piece *piece, const uint8_t *bytes,
                      uint32_t size, uint32_t hits, uint32_t block);
static bool judge_hits(const struct sb_http_work *work, struct sb_http_buffer *buffer,
                       bool has_failed, bool is_last);
static bool refuse_unscanned(const struct sb_http_work *work);

bool sb_http_inspect_faults(const struct sb_http_work *work, struct sb_http_buffer *buffer) {
    uint64_t found = buffer->message.faults & ~buffer->judged;

    buffer->judged |= found;
    for (; found != 0; found &= found - 1) {
        const uint32_t fault = (uint32_t)__builtin_ctzll(found);

        if (sb_http_reject(work, (enum sb_reason)sb_http_fault_reason(fault))) {
            (void)sb_http_next_incident(work->http);
            return true;
        }
    }
    return false;
}

bool sb_http_inspect_head(const struct sb_http_work *work, struct sb_http_buffer *buffer) {
    struct sb_http_message *message = &buffer->message;
    const uint8_t *bytes = sb_http_message_bytes(work);
    struct sb_http_values *values;
    bool has_failed;

    sb_waf_begin(&buffer->rules, work->lcore, work->packet->profile, work->now);
    values = values_of(work, &buffer->rules);
    has_failed = sb_http_values_of_head(values, message, bytes) != 0;
    return judge(work, values, has_failed,
                 message->progress == SB_HTTP_COMPLETE ||
                     sb_http_profile_of(work)->body_limit == 0);
}

bool sb_http_inspect_body(const struct sb_http_work *work, struct sb_http_buffer *buffer,
                          bool is_whole) {
    struct sb_http_message *message = &buffer->message;
    const uint8_t *bytes = sb_http_message_bytes(work);
    struct sb_http_values *values = values_of(work, &buffer->rules);
    uint8_t *content = ((struct scratch *)(void *)work->http->scratch)->content;
    const uint32_t size = sb_http_content(message, bytes, content, SB_HTTP_BODY_LIMIT_MAX);
    const bool has_failed =
        sb_http_values_of_body(values, message, bytes, content, size, is_whole) != 0;

    return judge(work, values, has_failed, true);
}

/* Judges the values of a head or a body: first their faults, then the rules. has_failed: the values
 * are not complete. is_last: no further part of the request will be scanned. */
static bool judge(const struct sb_http_work *work, const struct sb_http_values *values,
                  bool has_failed, bool is_last) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    struct scan scan = {.request = &buffer->rules,
                        .evidence = &buffer->evidence,
                        .message = &buffer->message,
                        .bytes = sb_http_message_bytes(work),
                        .has_failed = has_failed};

    buffer->message.faults |= values->faults;
    if (sb_http_inspect_faults(work, buffer))
        return true;
    if (!sb_http_is_judged(work))
        return false;
    if (!sb_waf_is_ready(work->lcore))
        return refuse_unscanned(work);
    scan_values(&scan, values);
    return judge_hits(work, buffer, scan.has_failed, is_last);
}

static struct sb_http_values *values_of(const struct sb_http_work *work,
                                        const struct sb_waf_request *request) {
    struct scratch *scratch = (struct scratch *)(void *)work->http->scratch;

    for (uint32_t form = 0; form < SB_HTTP_FORM_COUNT; form++)
        scratch->values.text[form] = scratch->text[form];
    scratch->values.capacity = sizeof(scratch->text[0]);
    scratch->values.classes = sb_waf_classes(request);
    return &scratch->values;
}

/* --- rules --- */

static void scan_values(struct scan *scan, const struct sb_http_values *values) {
    scan->classes = values->classes;
    for (uint32_t form = 0; form < SB_HTTP_FORM_COUNT; form++) {
        const uint8_t *text = values->text[form];

        if ((values->differs >> form & 1) == 0)
            continue;
        scan->request->form = (uint8_t)form;
        scan->secret = values->secret[form];
        scan_text(scan, &(struct sb_http_piece){.size = values->size[form], .class = SB_WAF_ANY},
                  text);
        scan->secret = UINT32_MAX;
        for (uint32_t i = 0; i < values->piece_count[form]; i++)
            scan_text(scan, &values->piece[form][i], text);
    }
}

static void scan_text(struct scan *scan, const struct sb_http_piece *piece, const uint8_t *text) {
    const uint8_t *bytes = text + piece->offset;
    uint32_t at = 0;

    if ((scan->classes >> piece->class & 1) == 0)
        return;
    while (!scan->has_failed) {
        const uint32_t left = piece->size - at;
        const uint32_t size = left < SB_WAF_BYTES_MAX ? left : (uint32_t)SB_WAF_BYTES_MAX;
        const uint32_t hits = scan->request->hit_count, block = scan->request->block;

        scan->has_failed = sb_waf_scan(scan->request, (enum sb_waf_class)piece->class, piece->name,
                                       bytes + at, size) != 0;
        note_hits(scan, piece, bytes + at, size, hits, block);
        if (size == left)
            return;
        at += size - COMMON;
        scan->secret -= scan->secret < size - COMMON ? scan->secret : size - COMMON;
    }
}

/* Records evidence of the first rule that matched and of the first rule that blocks. hits, block:
 * their values before the scan. */
static void note_hits(struct scan *scan, const struct sb_http_piece *piece, const uint8_t *bytes,
                      uint32_t size, uint32_t hits, uint32_t block) {
    const struct sb_waf_request *request = scan->request;
    struct sb_http_evidence *evidence = scan->evidence;
    const struct sb_http_shown shown = {bytes, size, piece->name, piece->class, scan->secret};

    if (hits == 0 && request->hit_count != 0) {
        sb_http_note_line(evidence, scan->message, scan->bytes);
        evidence->hit_size = sb_http_excerpt(evidence->hit, &shown, request->place.end);
    }
    if (request->block != block)
        evidence->block_size = sb_http_excerpt(evidence->block, &shown, request->block_place.end);
}

/* Decides once per request: after its head only if the request has no body to scan or is refused.
 */
static bool judge_hits(const struct sb_http_work *work, struct sb_http_buffer *buffer,
                       bool has_failed, bool is_last) {
    struct sb_waf_request *request = &buffer->rules;
    const enum sb_mode mode = sb_http_rule_mode(work, request);
    bool is_refused = false;

    if (has_failed && refuse_unscanned(work))
        return true;
    if (!is_last && (request->block == 0 || mode != SB_MODE_ENFORCE))
        return false;
    (void)sb_waf_end(request);
    if (request->block != 0) {
        (void)sb_http_next_incident(work->http);
        is_refused =
            sb_reject_in_mode(work->lcore, work->packet, SB_REASON_WAF_RULE, mode, work->now);
    }
    if (request->hit_count != 0)
        sb_http_add_evidence(work, request, &buffer->evidence, is_refused);
    return is_refused;
}

/* Called if the rules are not in force or the engine has failed. True: the profile fails closed,
 * and the packet was dropped. */
static bool refuse_unscanned(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    if (sb_http_profile_of(work)->fail_closed != 0 &&
        sb_http_reject(work, SB_REASON_HTTP_UNINSPECTED)) {
        (void)sb_http_next_incident(work->http);
        return true;
    }
    if (!buffer->is_unscanned)
        work->http->stats->not_inspected[SB_HTTP_UNINSPECTED_NOT_READY]++;
    buffer->is_unscanned = true;
    return false;
}
