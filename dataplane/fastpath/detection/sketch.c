#include "sketch.h"

#include <stdlib.h>

_Static_assert((SB_DISTINCT_PLACES & (SB_DISTINCT_PLACES - 1)) == 0, "a power of two");

static uint32_t lowest(const struct sb_sketch *sketch);
static int compare(const void *one, const void *other);
static uint32_t place_of(const struct sb_distinct *distinct, uint64_t hash);
static void raise_level(struct sb_distinct *distinct, uint32_t level);

void sb_sketch_init(struct sb_sketch *sketch, uint32_t max) {
    sketch->max = max;
    sketch->count = 0;
}

void sb_sketch_add(struct sb_sketch *sketch, struct sb_address_words key, uint64_t packets) {
    uint32_t i = 0;

    while (i < sketch->count &&
           (sketch->key[i].word[0] != key.word[0] || sketch->key[i].word[1] != key.word[1]))
        i++;
    if (i < sketch->count) {
        sketch->packets[i] += packets;
        return;
    }
    if (sketch->count < sketch->max) {
        sketch->packets[i] = sketch->error[i] = 0;
        sketch->count++;
    } else {
        i = lowest(sketch);
        sketch->error[i] = sketch->packets[i];
    }
    sketch->key[i] = key;
    sketch->packets[i] += packets;
}

static uint32_t lowest(const struct sb_sketch *sketch) {
    uint32_t found = 0;

    for (uint32_t i = 1; i < sketch->count; i++)
        found = sketch->packets[i] < sketch->packets[found] ? i : found;
    return found;
}

void sb_sketch_decay(struct sb_sketch *sketch) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < sketch->count; i++) {
        sketch->key[kept] = sketch->key[i];
        sketch->packets[kept] = sketch->packets[i] - (sketch->packets[i] + 7) / 8;
        sketch->error[kept] = sketch->error[i] - (sketch->error[i] + 7) / 8;
        kept += sketch->packets[kept] != 0;
    }
    sketch->count = kept;
}

uint32_t sb_sketch_ranked(const struct sb_sketch *sketch, uint64_t divisor, struct sb_ranked *out) {
    uint32_t count = 0;

    for (uint32_t i = 0; i < sketch->count; i++) {
        struct sb_ranked *ranked = &out[count];

        memcpy(ranked->key, &sketch->key[i], sizeof(ranked->key));
        ranked->packets = sketch->packets[i] / divisor;
        ranked->error = (sketch->error[i] + divisor - 1) / divisor;
        count += ranked->packets != 0;
    }
    qsort(out, count, sizeof(*out), compare);
    return count;
}

static int compare(const void *one, const void *other) {
    const struct sb_ranked *a = one, *b = other;

    return (a->packets < b->packets) - (a->packets > b->packets);
}

/* --- distinct ----------------------------------------------------------------------------------
 */

static inline bool is_in(uint64_t hash, uint32_t level) {
    return hash <= UINT64_MAX >> level;
}

void sb_distinct_add(struct sb_distinct *distinct, uint64_t hash, uint32_t level) {
    uint32_t place;

    hash = hash == 0 ? 1 : hash;
    if (level > distinct->level)
        raise_level(distinct, level);
    if (!is_in(hash, distinct->level))
        return;
    place = place_of(distinct, hash);
    if (distinct->hash[place] == hash) {
        distinct->once -= distinct->is_repeated[place] == 0;
        distinct->is_repeated[place] = 1;
        return;
    }
    while (distinct->count == SB_DISTINCT_MAX)
        raise_level(distinct, distinct->level + 1);
    if (!is_in(hash, distinct->level))
        return;
    place = place_of(distinct, hash);
    distinct->hash[place] = hash;
    distinct->is_repeated[place] = 0;
    distinct->count++;
    distinct->once++;
}

/* The place of the hash, or the free place that it would get. Selected by the low bits, because the
 * high bits decide about the level. */
static uint32_t place_of(const struct sb_distinct *distinct, uint64_t hash) {
    uint32_t place = (uint32_t)hash & (SB_DISTINCT_PLACES - 1);

    while (distinct->hash[place] != 0 && distinct->hash[place] != hash)
        place = (place + 1) & (SB_DISTINCT_PLACES - 1);
    return place;
}

static void raise_level(struct sb_distinct *distinct, uint32_t level) {
    const struct sb_distinct old = *distinct;

    *distinct = (struct sb_distinct){.level = level < 63 ? level : 63};
    for (uint32_t i = 0; i < SB_DISTINCT_PLACES; i++) {
        uint32_t place;

        if (old.hash[i] == 0 || !is_in(old.hash[i], distinct->level))
            continue;
        place = place_of(distinct, old.hash[i]);
        distinct->hash[place] = old.hash[i];
        distinct->is_repeated[place] = old.is_repeated[i];
        distinct->count++;
        distinct->once += old.is_repeated[i] == 0;
    }
}
