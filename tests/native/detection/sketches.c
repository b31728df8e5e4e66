/* sketches.c: lets tests/native/detection/test_sketch.py drive the sketches, whose structures Python
 * does not know. */
#include <stdlib.h>

#include "detection/sketch.h"

struct both {
    struct sb_sketch sketch;
    struct sb_distinct distinct;
};

void *make(uint32_t places);
void *make(uint32_t places) {
    struct both *both = calloc(1, sizeof(*both));

    sb_sketch_init(&both->sketch, places);
    return both;
}

void add(struct both *both, uint64_t key, uint64_t packets);
void add(struct both *both, uint64_t key, uint64_t packets) {
    sb_sketch_add(&both->sketch, (struct sb_address_words){{0, key}}, packets);
}

void decay(struct both *both);
void decay(struct both *both) {
    sb_sketch_decay(&both->sketch);
}

uint32_t ranked(const struct both *both, struct sb_ranked *out);
uint32_t ranked(const struct both *both, struct sb_ranked *out) {
    return sb_sketch_ranked(&both->sketch, 1, out);
}

void see(struct both *both, uint64_t hash, uint32_t level);
void see(struct both *both, uint64_t hash, uint32_t level) {
    sb_distinct_add(&both->distinct, hash, level);
}

uint64_t estimate(const struct both *both);
uint64_t estimate(const struct both *both) {
    return sb_distinct_estimate(&both->distinct);
}

uint32_t kept(const struct both *both, uint32_t *once);
uint32_t kept(const struct both *both, uint32_t *once) {
    *once = both->distinct.once;
    return both->distinct.count;
}
