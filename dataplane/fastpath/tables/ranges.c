#include "ranges.h"

#include "memory.h"

typedef unsigned __int128 sb_u128;

/* The sweep over the sorted entries: those that cover the current address lie on a stack, shortest
 * first. */
struct sweep {
    struct sb_ranges *ranges;
    const struct sb_prefix *entries;
    uint32_t depth;
    uint32_t value[SB_PREFIX_DEPTH + 1]; /* value[0] is none */
    sb_u128 last[SB_PREFIX_DEPTH + 1];   /* last address of it */
};

static void push(struct sweep *sweep, uint32_t index);
static void pop_before(struct sweep *sweep, sb_u128 start);
static void pop(struct sweep *sweep);
static void emit(struct sb_ranges *ranges, sb_u128 start, uint32_t value);
static void fill_root(struct sb_ranges *ranges);

static size_t align(size_t size) {
    return (size + SB_CACHE_LINE - 1) & ~(size_t)(SB_CACHE_LINE - 1);
}

static void *carve(uint8_t **next, size_t size) {
    void *part = *next;

    *next += align(size);
    return part;
}

struct sb_ranges *sb_ranges_create(uint32_t count, uint32_t link_count, bool has_lo) {
    size_t boundaries = 2 * (size_t)count + 1;
    size_t halves = align(boundaries * sizeof(uint64_t)) * (has_lo ? 2 : 1);
    size_t bytes =
        align(sizeof(struct sb_ranges)) + align(SB_RANGES_ROOT * sizeof(struct sb_range_root)) +
        halves + align(boundaries * sizeof(uint32_t)) +
        align((size_t)link_count * sizeof(uint32_t)) + align((size_t)count * sizeof(uint32_t));
    uint8_t *next = sb_memory_map_small(bytes);
    struct sb_ranges *ranges = (struct sb_ranges *)next;

    if (ranges == NULL)
        return NULL;
    carve(&next, sizeof(*ranges));
    ranges->root = carve(&next, SB_RANGES_ROOT * sizeof(*ranges->root));
    ranges->hi = carve(&next, boundaries * sizeof(*ranges->hi));
    ranges->lo = has_lo ? carve(&next, boundaries * sizeof(*ranges->lo)) : NULL;
    ranges->value = carve(&next, boundaries * sizeof(*ranges->value));
    ranges->link = carve(&next, (size_t)link_count * sizeof(*ranges->link));
    ranges->order = carve(&next, (size_t)count * sizeof(*ranges->order));
    ranges->bytes = bytes;
    return ranges;
}

void sb_ranges_destroy(struct sb_ranges *ranges) {
    if (ranges != NULL)
        sb_memory_unmap(ranges, ranges->bytes);
}

size_t sb_ranges_bytes(const struct sb_ranges *ranges) {
    size_t per_boundary =
        sizeof(*ranges->hi) * (ranges->lo != NULL ? 2 : 1) + sizeof(*ranges->value);

    return sizeof(*ranges) + SB_RANGES_ROOT * sizeof(*ranges->root) +
           ranges->boundary_count * per_boundary +
           ranges->order_count * (sizeof(*ranges->order) + sizeof(*ranges->link));
}

void sb_ranges_build(struct sb_ranges *ranges, const struct sb_prefix *entries) {
    struct sweep sweep = {.ranges = ranges, .entries = entries};

    emit(ranges, 0, 0);
    for (uint32_t i = 0; i < ranges->order_count; i++)
        push(&sweep, ranges->order[i]);
    while (sweep.depth > 0)
        pop(&sweep);
    fill_root(ranges);
}

static void push(struct sweep *sweep, uint32_t index) {
    const struct sb_prefix *entry = &sweep->entries[index];
    sb_u128 start = (sb_u128)entry->hi << 64 | entry->lo;
    sb_u128 host = entry->length == 0 ? ~(sb_u128)0 : ((sb_u128)1 << (128 - entry->length)) - 1;
    uint32_t above;

    pop_before(sweep, start);
    above = sweep->value[sweep->depth];
    sweep->ranges->link[index] = above;
    if (above != 0 && (sweep->entries[above - 1].list == SB_LIST_ALLOWLIST ||
                       (sweep->ranges->link[above - 1] & SB_PREFIX_ALLOW_ABOVE) != 0))
        sweep->ranges->link[index] |= SB_PREFIX_ALLOW_ABOVE;
    sweep->depth++;
    sweep->value[sweep->depth] = index + 1;
    sweep->last[sweep->depth] = start | host;
    emit(sweep->ranges, start, index + 1);
}

static void pop_before(struct sweep *sweep, sb_u128 start) {
    while (sweep->depth > 0 && sweep->last[sweep->depth] < start)
        pop(sweep);
}

static void pop(struct sweep *sweep) {
    sb_u128 after = sweep->last[sweep->depth] + 1;

    sweep->depth--;
    if (after != 0) /* otherwise it reached the end of the address space */
        emit(sweep->ranges, after, sweep->value[sweep->depth]);
}

static sb_u128 boundary(const struct sb_ranges *ranges, uint32_t i) {
    return (sb_u128)ranges->hi[i] << 64 | (ranges->lo != NULL ? ranges->lo[i] : 0);
}

/* From start on the value is this one; what was said of the same start before is replaced. */
static void emit(struct sb_ranges *ranges, sb_u128 start, uint32_t value) {
    uint32_t i = ranges->boundary_count;

    if (i > 0 && boundary(ranges, i - 1) == start)
        i--;
    if (i == 0 || ranges->value[i - 1] != value) {
        ranges->hi[i] = (uint64_t)(start >> 64);
        if (ranges->lo != NULL)
            ranges->lo[i] = (uint64_t)start;
        ranges->value[i++] = value;
    }
    ranges->boundary_count = i;
}

static void fill_root(struct sb_ranges *ranges) {
    uint32_t next = 1; /* boundary 0 is before everything */

    for (uint32_t cell = 0; cell < SB_RANGES_ROOT; cell++) {
        struct sb_range_root *root = &ranges->root[cell];
        uint64_t start = (uint64_t)cell << (64 - SB_RANGES_ROOT_BITS);
        uint32_t base = next - 1;

        /* One that starts with the cell is before everything in it. */
        if (next < ranges->boundary_count && boundary(ranges, next) == (sb_u128)start << 64)
            base = next++;
        while (next < ranges->boundary_count &&
               ranges->hi[next] >> (64 - SB_RANGES_ROOT_BITS) == cell)
            next++;
        root->count = next - 1 - base;
        root->base = root->count > 0 ? base : ranges->value[base];
    }
}
