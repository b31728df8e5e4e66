#include "ranges.h"

#include "tables/memory/memory.h"

typedef unsigned __int128 sb_u128;

enum { ROOT_SHIFT = 64 - SB_RANGES_ROOT_BITS, MAP_SHIFT = 64 - SB_RANGES_MAP_BITS };

/* A pass over the sorted entries. The entries that cover the current address are on a stack, the
 * shortest first. */
struct sweep {
    struct sb_ranges *ranges;
    const struct sb_prefix *entries;
    uint32_t depth;
    uint32_t value[SB_PREFIX_DEPTH + 1]; /* value[0]: no entry */
    sb_u128 last[SB_PREFIX_DEPTH + 1];   /* last address of the entry */
};

static void split(struct sb_ranges *ranges, struct sb_range_cell *cell, uint64_t start);
static void push(struct sweep *sweep, uint32_t index);
static void pop_before(struct sweep *sweep, sb_u128 start);
static void pop(struct sweep *sweep);
static void emit(struct sb_ranges *ranges, sb_u128 start, uint32_t value);
static void fill_map(struct sb_ranges *ranges);
static void set_bits(uint32_t *map, uint32_t first, uint32_t last);
static uint32_t fill_slot(struct sb_ranges *ranges, uint64_t start, uint32_t shift, uint32_t *next);

static uintptr_t carve(uintptr_t *next, size_t size) {
    uintptr_t part = *next;

    *next += (size + SB_CACHE_LINE - 1) & ~(size_t)(SB_CACHE_LINE - 1);
    return part;
}

/* Places the arrays behind the struct, which begins at base. Returns the address behind them. */
static uintptr_t lay_out(struct sb_ranges *out, uintptr_t base, uint32_t count, uint32_t link_count,
                         bool has_lo) {
    size_t boundaries = 2 * (size_t)count + 1;
    uintptr_t next = base;

    carve(&next, sizeof(*out));
    out->map = (uint32_t *)carve(&next, SB_RANGES_MAP_WORDS * sizeof(*out->map));
    out->root = (uint32_t *)carve(&next, SB_RANGES_ROOT * sizeof(*out->root));
    out->cells = (struct sb_range_cell *)carve(&next, 2 * boundaries * sizeof(*out->cells));
    out->slots = (uint32_t *)carve(&next, boundaries * sizeof(*out->slots));
    out->hi = (uint64_t *)carve(&next, (boundaries + SB_RANGES_FEW) * sizeof(*out->hi));
    out->lo = has_lo ? (uint64_t *)carve(&next, boundaries * sizeof(*out->lo)) : NULL;
    out->value = (uint32_t *)carve(&next, boundaries * sizeof(*out->value));
    out->link = (uint32_t *)carve(&next, (size_t)link_count * sizeof(*out->link));
    out->order = (uint32_t *)carve(&next, (size_t)count * sizeof(*out->order));
    return next;
}

struct sb_ranges *sb_ranges_create(uint32_t count, uint32_t link_count, bool has_lo) {
    struct sb_ranges layout;
    size_t bytes = lay_out(&layout, 0, count, link_count, has_lo);
    struct sb_ranges *ranges = sb_memory_map_small(bytes);

    if (ranges == NULL)
        return NULL;
    lay_out(ranges, (uintptr_t)ranges, count, link_count, has_lo);
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

    return sizeof(*ranges) + SB_RANGES_MAP_WORDS * sizeof(*ranges->map) +
           SB_RANGES_ROOT * sizeof(*ranges->root) + ranges->cell_count * sizeof(*ranges->cells) +
           ranges->slot_count * sizeof(*ranges->slots) + ranges->boundary_count * per_boundary +
           ranges->order_count * (sizeof(*ranges->order) + sizeof(*ranges->link));
}

void sb_ranges_build(struct sb_ranges *ranges, const struct sb_prefix *entries) {
    struct sweep sweep = {.ranges = ranges, .entries = entries};
    uint32_t next = 1; /* boundary 0 is address 0 */

    emit(ranges, 0, 0);
    for (uint32_t i = 0; i < ranges->order_count; i++)
        push(&sweep, ranges->order[i]);
    while (sweep.depth > 0)
        pop(&sweep);
    for (uint32_t i = 0; i < SB_RANGES_FEW; i++)
        ranges->hi[ranges->boundary_count + i] = UINT64_MAX;
    fill_map(ranges);
    for (uint32_t slot = 0; slot < SB_RANGES_ROOT; slot++)
        ranges->root[slot] = fill_slot(ranges, (uint64_t)slot << ROOT_SHIFT, ROOT_SHIFT, &next);
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
    if (after != 0) /* otherwise it ends with the address space */
        emit(sweep->ranges, after, sweep->value[sweep->depth]);
}

static sb_u128 boundary(const struct sb_ranges *ranges, uint32_t i) {
    return (sb_u128)ranges->hi[i] << 64 | (ranges->lo != NULL ? ranges->lo[i] : 0);
}

/* Adds a boundary: from start on, addresses have this value. Replaces a boundary with the same
 * start. */
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

static void fill_map(struct sb_ranges *ranges) {
    for (uint32_t i = 0; i < ranges->boundary_count; i++) {
        bool last = i + 1 == ranges->boundary_count;
        sb_u128 end = last ? ~(sb_u128)0 : boundary(ranges, i + 1) - 1;

        if (ranges->value[i] != 0)
            set_bits(ranges->map, (uint32_t)(ranges->hi[i] >> MAP_SHIFT),
                     (uint32_t)(end >> (64 + MAP_SHIFT)));
    }
}

/* Sets the bits from first to last. */
static void set_bits(uint32_t *map, uint32_t first, uint32_t last) {
    uint32_t from = UINT32_MAX >> (first & 31), to = UINT32_MAX << (31 - (last & 31));

    if (first >> 5 == last >> 5) {
        map[first >> 5] |= from & to;
        return;
    }
    map[first >> 5] |= from;
    for (uint32_t word = (first >> 5) + 1; word < last >> 5; word++)
        map[word] = UINT32_MAX;
    map[last >> 5] |= to;
}

/* Returns the slot for the addresses whose upper half lies between start and start + 2^shift - 1.
 * next: the first boundary that is not before them; on return, the first one behind them. */
static uint32_t fill_slot(struct sb_ranges *ranges, uint64_t start, uint32_t shift,
                          uint32_t *next) {
    uint32_t i = *next, base = i - 1, count;

    /* A boundary at the start of the slot comes before all others in it. */
    if (i < ranges->boundary_count && boundary(ranges, i) == (sb_u128)start << 64)
        base = i++;
    while (i < ranges->boundary_count && ranges->hi[i] >> shift == start >> shift)
        i++;
    *next = i;
    count = i - 1 - base;
    if (count == 0)
        return ranges->value[base];
    i = ranges->cell_count++;
    ranges->cells[i] = (struct sb_range_cell){.base = base, .count = count};
    if (shift == ROOT_SHIFT && count >= SB_RANGES_SPLIT_MIN)
        split(ranges, &ranges->cells[i], start);
    return SB_RANGES_SEARCH | i;
}

/* Gives a cell its own slots: more than half as many as it has boundaries, and never more than
 * boundaries, so the block has room for them. */
static void split(struct sb_ranges *ranges, struct sb_range_cell *cell, uint64_t start) {
    uint32_t bits = 31 - (uint32_t)__builtin_clz(cell->count), next = cell->base + 1;

    cell->bits = bits < SB_RANGES_SPLIT_BITS ? bits : SB_RANGES_SPLIT_BITS;
    cell->slots = ranges->slot_count;
    ranges->slot_count += 1u << cell->bits;
    for (uint64_t slot = 0; slot < 1u << cell->bits; slot++) {
        uint32_t shift = ROOT_SHIFT - cell->bits;

        ranges->slots[cell->slots + slot] = fill_slot(ranges, start | slot << shift, shift, &next);
    }
}
