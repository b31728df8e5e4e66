#include "samples.h"

#include <errno.h>

#include "tables/memory/memory.h"

enum {
    FOLLOWED_BYTES = SB_FOLLOWED_MAX * sizeof(struct sb_followed),
    KEPT_BYTES = SB_KEPT_SAMPLES * sizeof(struct sb_sample),
    PACKETS_EVERY_MAX = 1 << 20,
    SOURCES_SHIFT_MAX = 24,
    COLLECTION_MS = 100,
    DECAY_DS = 10
};

_Static_assert((SB_KEPT_SAMPLES & (SB_KEPT_SAMPLES - 1)) == 0, "a power of two");

static void take(struct sb_samples *samples, const struct sb_sample *sample);

int sb_samples_create(struct sb_samples *samples, struct sb_node *node) {
    samples->node = node;
    samples->followed = sb_memory_map_small(FOLLOWED_BYTES);
    samples->kept = sb_memory_map_small(KEPT_BYTES);
    sb_sketch_init(&samples->sources, SB_NODE_TOP_MAX);
    sb_sketch_init(&samples->destinations, SB_NODE_TOP_MAX);
    return samples->followed == NULL || samples->kept == NULL ? -ENOMEM : 0;
}

void sb_samples_free(struct sb_samples *samples) {
    sb_memory_unmap(samples->followed, FOLLOWED_BYTES);
    sb_memory_unmap(samples->kept, KEPT_BYTES);
}

uint64_t sb_samples_bytes(void) {
    return FOLLOWED_BYTES + KEPT_BYTES;
}

uint64_t sb_samples_collect(struct sb_samples *samples, const struct sb_destinations *destinations,
                            uint64_t boot_ds) {
    uint64_t lost = 0;

    if (boot_ds - samples->decayed_ds >= DECAY_DS) {
        samples->decayed_ds = boot_ds;
        sb_sketch_decay(&samples->sources);
        sb_sketch_decay(&samples->destinations);
    }
    samples->taken_of_sources = 0;
    for (uint32_t i = 0; i < destinations->lcore_count; i++) {
        struct sb_traffic_table *table = destinations->lcore[i].table;
        const uint64_t produced = __atomic_load_n(&table->produced, __ATOMIC_ACQUIRE);

        for (uint64_t next = table->consumed; next != produced; next++)
            take(samples, &table->samples[next & (SB_SAMPLES_MAX - 1)]);
        __atomic_store_n(&table->consumed, produced, __ATOMIC_RELEASE);
        lost += __atomic_load_n(&table->samples_lost, __ATOMIC_RELAXED);
    }
    return lost;
}

static void take(struct sb_samples *samples, const struct sb_sample *sample) {
    const struct sb_address_words destination = sb_address_words(sample->destination, 6);

    samples->taken_of_sources += (sample->sampled & SB_SAMPLED_SOURCE) != 0;
    if ((sample->sampled & SB_SAMPLED_PACKET) != 0) {
        sb_sketch_add(&samples->sources, sb_address_words(sample->source, 6), sample->packets);
        sb_sketch_add(&samples->destinations, destination, sample->packets);
    }
    for (uint32_t i = 0; i < samples->followed_count; i++) {
        struct sb_followed *followed = &samples->followed[samples->order[i]];

        if (sb_followed_is(followed, destination))
            sb_followed_sample(followed, samples->node, sample);
    }
    samples->kept[samples->kept_count++ & (SB_KEPT_SAMPLES - 1)] = *sample;
}

/* Both rates are powers of two. The number of sources is not known in advance: it is assumed that
 * each step halves the number of sampled packets. */
void sb_samples_adapt(struct sb_samples *samples, uint64_t packets, uint64_t passed_ms) {
    struct sb_node *node = samples->node;
    uint64_t expected = packets * COLLECTION_MS / (passed_ms == 0 ? COLLECTION_MS : passed_ms);
    uint64_t of_sources = samples->taken_of_sources;
    uint32_t every = 1, shift = node->sample_sources_shift;

    for (; expected > SB_SAMPLES_WANTED && every < PACKETS_EVERY_MAX; expected /= 2)
        every *= 2;
    if (of_sources < SB_SAMPLES_WANTED / 4 && shift > 0)
        shift--;
    for (; of_sources > SB_SAMPLES_WANTED && shift < SOURCES_SHIFT_MAX; of_sources /= 2)
        shift++;
    __atomic_store_n(&node->sample_packets_every, every, __ATOMIC_RELAXED);
    __atomic_store_n(&node->sample_sources_shift, shift, __ATOMIC_RELAXED);
    __atomic_store_n(&node->sample_epoch, node->sample_epoch + 1, __ATOMIC_RELAXED);
}
