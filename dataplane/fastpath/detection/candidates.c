#include "candidates.h"

#include <stdlib.h>

static uint64_t excess_of(const struct sb_traffic_sum *floors, const struct sb_counts *counts);
static inline uint64_t excess(uint64_t count, uint64_t floor);
static void sift_up(struct sb_candidates *candidates, uint32_t place);
static void sift_down(struct sb_candidates *candidates);
static void swap(struct sb_candidate *one, struct sb_candidate *other);
static int compare(const void *one, const void *other);

void sb_candidates_offer(struct sb_candidates *candidates, const struct sb_traffic_sum *floors,
                         const struct sb_counts *counts, struct sb_candidate candidate) {
    candidate.excess = excess_of(floors, counts);
    if (candidate.excess == 0)
        return;
    if (candidates->count < SB_CANDIDATES_MAX) {
        candidates->each[candidates->count] = candidate;
        sift_up(candidates, candidates->count++);
        return;
    }
    candidates->cut++;
    if (candidate.excess <= candidates->each[0].excess)
        return;
    candidates->each[0] = candidate;
    sift_down(candidates);
}

void sb_candidates_sort(struct sb_candidates *candidates) {
    qsort(candidates->each, candidates->count, sizeof(candidates->each[0]), compare);
}

/* The highest excess of all kinds; 0: no kind has reached its floor. */
static uint64_t excess_of(const struct sb_traffic_sum *floors, const struct sb_counts *counts) {
    uint64_t highest = excess(counts->bytes, floors->bytes);

    for (uint32_t kind = 0; kind < SB_TRAFFIC_COUNT; kind++) {
        uint64_t one = excess(counts->count[kind], floors->count[kind]);

        highest = one > highest ? one : highest;
    }
    return highest;
}

static inline uint64_t excess(uint64_t count, uint64_t floor) {
    return floor == 0 || count < floor ? 0 : count * 256 / floor;
}

static void sift_up(struct sb_candidates *candidates, uint32_t place) {
    struct sb_candidate *each = candidates->each;

    for (; place > 0 && each[place].excess < each[(place - 1) / 2].excess; place = (place - 1) / 2)
        swap(&each[place], &each[(place - 1) / 2]);
}

static void sift_down(struct sb_candidates *candidates) {
    struct sb_candidate *each = candidates->each;

    for (uint32_t place = 0, child; (child = 2 * place + 1) < candidates->count; place = child) {
        child += child + 1 < candidates->count && each[child + 1].excess < each[child].excess;
        if (each[place].excess <= each[child].excess)
            return;
        swap(&each[place], &each[child]);
    }
}

static void swap(struct sb_candidate *one, struct sb_candidate *other) {
    const struct sb_candidate kept = *one;

    *one = *other;
    *other = kept;
}

static int compare(const void *one, const void *other) {
    const uint64_t a = ((const struct sb_candidate *)one)->excess;
    const uint64_t b = ((const struct sb_candidate *)other)->excess;

    return (a < b) - (a > b);
}
