#include "copies.h"

enum { HEADER = sizeof(struct sb_http_buffer), FIRST_ROOM = 1500, SHRUNK = HEADER + FIRST_ROOM };

static bool is_same_part(const struct sb_http_work *work, const uint8_t *bytes, uint32_t from,
                         uint32_t to);
static bool make_room(const struct sb_http_work *work, uint32_t to);
static bool add_range(struct sb_http_buffer *buffer, uint32_t from, uint32_t to);
static uint32_t end_of(const struct sb_http_buffer *buffer, uint32_t next);
static bool is_line_end(const struct sb_http_work *work);
static uint32_t kept_from(const struct sb_http_record *record, const struct sb_http_buffer *buffer);
static void drop_old(struct sb_http_buffer *buffer, uint32_t next);
static void drop_front(struct sb_http_buffer *buffer, uint32_t next, uint32_t keep);
static bool resize(const struct sb_http_work *work, uint32_t bytes);
static void shrink(const struct sb_http_work *work);

static inline uint32_t earliest(uint32_t one, uint32_t other) {
    return sb_is_after(one, other) ? other : one;
}

/* --- comparing --- */

bool sb_http_is_same(const struct sb_http_work *work) {
    struct sb_http_buffer *buffer;
    const uint32_t next = work->record->next;

    /* Bytes that the host has acknowledged do not matter: it keeps what it has. Excluding them also
     * avoids comparing sequence numbers that are 2^31 or more apart. */
    if (work->record->buffer == 0 ||
        !sb_is_after(work->segment.sequence + work->size, work->record->acked))
        return true;
    buffer = sb_http_buffer_of(work);
    if (buffer->old_size != 0 &&
        !is_same_part(work, buffer->bytes, buffer->old_start, buffer->old_start + buffer->old_size))
        return false;
    if (!is_same_part(work, buffer->bytes + buffer->old_size, buffer->start, next))
        return false;
    for (uint32_t i = 0; i < buffer->range_count; i++)
        if (!is_same_part(work, sb_http_bytes_at(buffer, buffer->range[i].from),
                          buffer->range[i].from, buffer->range[i].to))
            return false;
    return true;
}

/* bytes: the held bytes from the number from on. */
static bool is_same_part(const struct sb_http_work *work, const uint8_t *bytes, uint32_t from,
                         uint32_t to) {
    const uint32_t sequence = work->segment.sequence;
    const uint32_t first = sb_latest(sb_latest(from, sequence), work->record->acked);
    const uint32_t last = earliest(to, sequence + work->size);

    return !sb_is_after(last, first) ||
           memcmp(bytes + (first - from), work->payload + (first - sequence), last - first) == 0;
}

/* --- keeping --- */

bool sb_http_keep(const struct sb_http_work *work) {
    const uint32_t next = work->record->next, sequence = work->segment.sequence;
    const uint32_t from = sb_latest(sequence, next), to = sequence + work->size;
    struct sb_http_buffer *buffer;

    work->record->flags &= (uint8_t)~SB_HTTP_NOTHING_HELD;
    if (!make_room(work, to))
        return false;
    buffer = sb_http_buffer_of(work);
    if (!add_range(buffer, from, to))
        return false;
    memcpy(sb_http_bytes_at(buffer, from), work->payload + (from - sequence), to - from);
    return true;
}

static bool make_room(const struct sb_http_work *work, uint32_t to) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer;

    if (record->buffer == 0) {
        const uint32_t size = to - record->next;

        record->buffer =
            sb_http_take(work->http, record, HEADER + (size < FIRST_ROOM ? FIRST_ROOM : size));
        if (record->buffer == 0)
            return false;
        buffer = sb_http_buffer_of(work);
        buffer->old_size = buffer->range_count = 0;
        buffer->start = record->next;
        buffer->phase = SB_HTTP_PHASE_IDLE;
        buffer->watch = 0;
        return true;
    }
    buffer = sb_http_buffer_of(work);
    return resize(work, HEADER + buffer->old_size + (to - buffer->start));
}

/* Grows the block to at least this many bytes. False: the pool has no room. */
static bool resize(const struct sb_http_work *work, uint32_t bytes) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    const uint32_t held = end_of(buffer, record->next) - buffer->start;
    sb_block larger;

    if (bytes <= sb_pool_size(&work->http->pool, record->buffer))
        return true;
    larger = sb_http_take(work->http, record, bytes);
    if (larger == 0)
        return false;
    memcpy(sb_pool_at(&work->http->pool, larger), buffer, HEADER + buffer->old_size + held);
    sb_http_give(work->http, record, &record->buffer);
    record->buffer = larger;
    return true;
}

/* The number behind the last held byte. */
static uint32_t end_of(const struct sb_http_buffer *buffer, uint32_t next) {
    return buffer->range_count == 0 ? sb_latest(buffer->start, next)
                                    : buffer->range[buffer->range_count - 1].to;
}

/* Adds a range and merges it with those that it touches. False: there are SB_HTTP_RANGES_MAX
 * ranges. */
static bool add_range(struct sb_http_buffer *buffer, uint32_t from, uint32_t to) {
    struct sb_http_range *range = buffer->range;
    uint32_t first = 0, last;

    while (first < buffer->range_count && sb_is_after(from, range[first].to))
        first++;
    last = first;
    while (last < buffer->range_count && !sb_is_after(range[last].from, to))
        last++;
    if (last == first && buffer->range_count == SB_HTTP_RANGES_MAX)
        return false;
    if (last != first) {
        from = earliest(from, range[first].from);
        to = sb_latest(to, range[last - 1].to);
    }
    memmove(range + first + 1, range + last, (buffer->range_count - last) * sizeof(*range));
    range[first] = (struct sb_http_range){from, to};
    buffer->range_count = (uint8_t)(buffer->range_count - (last - first) + 1);
    return true;
}

/* --- moving on --- */

void sb_http_pass_over(const struct sb_http_work *work, uint32_t next) {
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    uint32_t gone = 0;

    while (gone < buffer->range_count && !sb_is_after(buffer->range[gone].to, next))
        gone++;
    memmove(buffer->range, buffer->range + gone,
            (buffer->range_count - gone) * sizeof(buffer->range[0]));
    buffer->range_count = (uint8_t)(buffer->range_count - gone);
    if (buffer->range_count != 0)
        buffer->range[0].from = sb_latest(buffer->range[0].from, next);
    work->record->next = next;
}

/* The bytes held before next become the part before the jump. Bytes held behind the jump move to
 * its end. */
bool sb_http_jump(const struct sb_http_work *work, uint32_t count) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer = sb_http_buffer_of(work);
    const uint32_t held = record->next - buffer->start, to = record->next + count;
    uint8_t *behind;
    uint32_t end;

    if (buffer->old_size != 0 && held != 0)
        return false;
    behind = sb_http_bytes_at(buffer, to);
    end = end_of(buffer, record->next);
    if (held != 0) {
        buffer->old_start = buffer->start;
        buffer->old_size = held;
    }
    buffer->start = to;
    sb_http_pass_over(work, to);
    if (sb_is_after(end, to))
        memmove(sb_http_bytes_at(buffer, to), behind, end - to);
    return true;
}

void sb_http_trim(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    struct sb_http_buffer *buffer;

    if (record->buffer == 0)
        return;
    buffer = sb_http_buffer_of(work);
    if (buffer->old_size != 0 && !sb_is_after(buffer->old_start + buffer->old_size, record->acked))
        drop_old(buffer, record->next);
    if (is_line_end(work)) {
        buffer->phase = SB_HTTP_PHASE_IDLE;
        record->flags |= SB_HTTP_LEADING;
    }
    drop_front(buffer, record->next, kept_from(record, buffer));
    if (buffer->old_size != 0 || buffer->start != record->next)
        return;
    record->flags |= SB_HTTP_NOTHING_HELD;
    if (buffer->phase == SB_HTTP_PHASE_IDLE && buffer->range_count == 0)
        sb_http_give(work->http, record, &record->buffer);
    else if (buffer->phase == SB_HTTP_PHASE_REST && buffer->range_count == 0)
        shrink(work);
}

/* Whether only a line end is held, which old clients send behind a body (RFC 9112, 2.2). It is not
 * kept, because a request may never follow. */
static bool is_line_end(const struct sb_http_work *work) {
    const struct sb_http_buffer *buffer = sb_http_buffer_of(work);

    return buffer->phase == SB_HTTP_PHASE_HEAD && buffer->message.fed == 2 &&
           memcmp(sb_http_message_bytes(work), "\r\n", 2) == 0;
}

/* Number of the first byte behind the jump that is still needed: bytes not acknowledged by the
 * host, and the whole message while it is not inspected. */
static uint32_t kept_from(const struct sb_http_record *record,
                          const struct sb_http_buffer *buffer) {
    uint32_t first = record->next;

    if (buffer->phase == SB_HTTP_PHASE_HEAD || buffer->phase == SB_HTTP_PHASE_BODY)
        first -= (uint32_t)buffer->message.fed;
    return earliest(first, record->acked);
}

/* Shrinks the block to the parser's state, for a message whose rest passes without inspection. If
 * the pool has no smaller block, it stays as it is. */
static void shrink(const struct sb_http_work *work) {
    struct sb_http_record *record = work->record;
    sb_block smaller;

    if (sb_pool_size(&work->http->pool, record->buffer) <= SHRUNK)
        return;
    smaller = sb_http_take(work->http, record, SHRUNK);
    if (smaller == 0)
        return;
    memcpy(sb_pool_at(&work->http->pool, smaller), sb_http_buffer_of(work), HEADER);
    sb_http_give(work->http, record, &record->buffer);
    record->buffer = smaller;
}

static void drop_old(struct sb_http_buffer *buffer, uint32_t next) {
    memmove(buffer->bytes, buffer->bytes + buffer->old_size, end_of(buffer, next) - buffer->start);
    buffer->old_size = 0;
}

/* Only if fewer bytes are moved than are given up, so that on average each byte is moved once. */
static void drop_front(struct sb_http_buffer *buffer, uint32_t next, uint32_t keep) {
    const uint32_t left = end_of(buffer, next) - keep;

    if (!sb_is_after(keep, buffer->start) || left > keep - buffer->start)
        return;
    memmove(buffer->bytes + buffer->old_size, sb_http_bytes_at(buffer, keep), left);
    buffer->start = keep;
}
