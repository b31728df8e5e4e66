/* counts.h: counters of traffic, and their increase over the last second.
 *
 * A history is a ring of ten slots of 0.1 s. Everything that a collection finds counts in the slot
 * in which the collection runs. The window is therefore between 0.9 s and 1 s long, plus the time
 * of a collection.
 */
#ifndef SB_COUNTS_H
#define SB_COUNTS_H

#include <string.h>

#include "tables/traffic/traffic.h"

enum { SB_HISTORY_SLOTS = 10, SB_HISTORY_SLOT_MS = 100 };

struct sb_counts {
    uint64_t bytes;
    uint32_t count[SB_TRAFFIC_COUNT];
};

struct sb_history {
    uint64_t slot;           /* the newest slot: tenths of a second since boot */
    struct sb_counts window; /* of all slots */
    struct sb_counts since;  /* of the collection with the last call of sb_history_add */
    struct sb_counts slots[SB_HISTORY_SLOTS];
};

/* Counters do not decrease, but wrap at 2^32. */
static inline void sb_counts_add(struct sb_counts *to, const struct sb_counts *what) {
    to->bytes += what->bytes;
    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        to->count[kind] += what->count[kind];
}

static inline void sb_counts_subtract(struct sb_counts *from, const struct sb_counts *what) {
    from->bytes -= what->bytes;
    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        from->count[kind] -= what->count[kind];
}

static inline bool sb_counts_is_zero(const struct sb_counts *counts) {
    uint32_t any = 0;

    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        any |= counts->count[kind];
    return any == 0;
}

static inline void sb_sum_add(struct sb_traffic_sum *sum, const struct sb_counts *counts) {
    sum->bytes += counts->bytes;
    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        sum->count[kind] += counts->count[kind];
}

static inline void sb_sum_raise(struct sb_traffic_sum *highest, const struct sb_counts *counts) {
    if (highest->bytes < counts->bytes)
        highest->bytes = counts->bytes;
    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        if (highest->count[kind] < counts->count[kind])
            highest->count[kind] = counts->count[kind];
}

static inline void sb_now_add(struct sb_traffic_now *now, const struct sb_counts *window,
                              const struct sb_counts *since) {
    sb_sum_add(&now->window, window);
    sb_sum_add(&now->since, since);
}

/* The increase of a worker's row since seen. Sets seen to the row's current counters. */
static inline struct sb_counts sb_counts_new(struct sb_counts *seen,
                                             const struct sb_traffic_row *row) {
    struct sb_counts found, now;

    now.bytes = __atomic_load_n(&row->bytes, __ATOMIC_RELAXED);
    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++)
        now.count[kind] = __atomic_load_n(&row->count[kind], __ATOMIC_RELAXED);
    found = now;
    sb_counts_subtract(&found, seen);
    *seen = now;
    return found;
}

/* Removes slots that are older than a second, and clears since. */
static inline void sb_history_advance(struct sb_history *history, uint64_t slot) {
    const struct sb_counts none = {0};

    for (uint32_t i = 0; i < SB_HISTORY_SLOTS && history->slot < slot; i++) {
        struct sb_counts *oldest = &history->slots[++history->slot % SB_HISTORY_SLOTS];

        sb_counts_subtract(&history->window, oldest);
        *oldest = none;
    }
    history->slot = slot;
    history->since = none;
}

static inline void sb_history_add(struct sb_history *history, const struct sb_counts *found) {
    sb_counts_add(&history->slots[history->slot % SB_HISTORY_SLOTS], found);
    sb_counts_add(&history->window, found);
    sb_counts_add(&history->since, found);
}

#endif
