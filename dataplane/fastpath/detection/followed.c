/* followed.c: followed targets, for which evidence is kept. */
#include <errno.h>

#include "samples.h"
#include "tables/countries/countries.h"

static void sample_packet(struct sb_followed *followed, const struct sb_node *node,
                          const struct sb_sample *sample);
static struct sb_address_words port_key(uint32_t protocol, uint32_t port);
static uint32_t size_class(uint32_t size);
static void replay(const struct sb_samples *samples, struct sb_followed *followed,
                   uint64_t boot_ds);
static uint32_t tell_ports(const struct sb_sketch *sketch, struct sb_port_packets *out);

struct sb_followed *sb_followed_find(const struct sb_samples *samples, struct sb_address_words key,
                                     uint32_t prefix_length) {
    for (uint32_t i = 0; i < samples->followed_count; i++) {
        struct sb_followed *followed = &samples->followed[samples->order[i]];

        if (followed->key.word[0] == key.word[0] && followed->key.word[1] == key.word[1] &&
            followed->prefix_length == prefix_length)
            return followed;
    }
    return NULL;
}

int sb_followed_add(struct sb_samples *samples, struct sb_address_words key, uint32_t prefix_length,
                    uint64_t boot_ds) {
    struct sb_followed *followed;
    uint32_t free = 0;

    if (sb_followed_find(samples, key, prefix_length) != NULL)
        return 0;
    if (samples->followed_count == SB_FOLLOWED_MAX)
        return -ENOSPC;
    while (samples->followed[free].is_used != 0)
        free++;
    followed = &samples->followed[free];
    memset(followed, 0, sizeof(*followed));
    followed->key = key;
    followed->prefix_length = prefix_length;
    followed->is_used = 1;
    sb_sketch_init(&followed->sources, SB_TOP_MAX);
    sb_sketch_init(&followed->ports, SB_TOP_PORTS_MAX);
    sb_sketch_init(&followed->source_ports, SB_TOP_PORTS_MAX);
    samples->order[samples->followed_count++] = free;
    replay(samples, followed, boot_ds);
    return 0;
}

int sb_followed_remove(struct sb_samples *samples, struct sb_address_words key,
                       uint32_t prefix_length) {
    struct sb_followed *followed = sb_followed_find(samples, key, prefix_length);
    uint32_t kept = 0;

    if (followed == NULL)
        return -ENOENT;
    followed->is_used = 0;
    for (uint32_t i = 0; i < samples->followed_count; i++)
        if (samples->followed[samples->order[i]].is_used != 0)
            samples->order[kept++] = samples->order[i];
    samples->followed_count = kept;
    return 0;
}

/* Adds the samples of the last second that are still in the ring. */
static void replay(const struct sb_samples *samples, struct sb_followed *followed,
                   uint64_t boot_ds) {
    const uint64_t end = samples->kept_count;

    for (uint64_t i = end > SB_KEPT_SAMPLES ? end - SB_KEPT_SAMPLES : 0; i < end; i++) {
        const struct sb_sample *sample = &samples->kept[i & (SB_KEPT_SAMPLES - 1)];

        if (sample->boot_ds + SB_KEPT_DS >= boot_ds &&
            sb_followed_is(followed, sb_address_words(sample->destination, 6)))
            sb_followed_sample(followed, samples->node, sample);
    }
}

void sb_followed_sample(struct sb_followed *followed, const struct sb_node *node,
                        const struct sb_sample *sample) {
    if ((sample->sampled & SB_SAMPLED_SOURCE) != 0)
        sb_distinct_add(&followed->distinct, sample->source_hash, sample->sources_shift);
    if ((sample->sampled & SB_SAMPLED_PACKET) != 0)
        sample_packet(followed, node, sample);
}

static void sample_packet(struct sb_followed *followed, const struct sb_node *node,
                          const struct sb_sample *sample) {
    const struct sb_countries *countries = (const struct sb_countries *)(uintptr_t)node->countries;
    const uint64_t packets = sample->packets;
    uint32_t country = 0;

    if (countries != NULL)
        country = sb_countries_find(countries, sample->source);
    followed->packets += packets;
    followed->newest[followed->samples++ % SB_EVIDENCE_SAMPLES_MAX] = *sample;
    sb_sketch_add(&followed->sources, sb_address_words(sample->source, 6), packets);
    if (sample->has_ports != 0) {
        sb_sketch_add(&followed->ports, port_key(sample->protocol, sample->destination_port),
                      packets);
        sb_sketch_add(&followed->source_ports, port_key(sample->protocol, sample->source_port),
                      packets);
    }
    if (sample->protocol == SB_PROTOCOL_TCP && sample->has_ports != 0)
        followed->tcp_flags[sample->tcp_flags] += packets;
    followed->country[country <= SB_COUNTRY_MAX ? country : 0] += packets;
    followed->size[size_class(sample->size)] += packets;
    if (sample->reason != SB_REASON_NONE && sample->reason < SB_REASON_COUNT)
        followed->reason[sample->reason] += packets;
}

static struct sb_address_words port_key(uint32_t protocol, uint32_t port) {
    return (struct sb_address_words){{protocol, port}};
}

static uint32_t size_class(uint32_t size) {
    static const uint16_t bounds[] = SB_SIZE_BOUNDS;
    uint32_t class = 0;

    _Static_assert(sizeof(bounds) / sizeof(bounds[0]) == SB_SIZE_CLASSES - 1,
                   "one more class than bounds");
    while (class < SB_SIZE_CLASSES - 1 && size > bounds[class])
        class ++;
    return class;
}

/* --- evidence --------------------------------------------------------------------------------- */

void sb_followed_tell(const struct sb_followed *followed, struct sb_target_evidence *out) {
    const uint64_t end = followed->samples;
    uint64_t first = end > SB_EVIDENCE_SAMPLES_MAX ? end - SB_EVIDENCE_SAMPLES_MAX : 0;

    memset(out, 0, sizeof(*out));
    out->packets = followed->packets;
    out->samples = followed->samples;
    out->distinct_sources = sb_distinct_estimate(&followed->distinct);
    out->sampled_sources = followed->distinct.count;
    out->once_sources = followed->distinct.once;
    out->source_count = sb_sketch_ranked(&followed->sources, 1, out->source);
    out->port_count = tell_ports(&followed->ports, out->port);
    out->source_port_count = tell_ports(&followed->source_ports, out->source_port);
    memcpy(out->country, followed->country, sizeof(out->country));
    memcpy(out->tcp_flags, followed->tcp_flags, sizeof(out->tcp_flags));
    memcpy(out->size, followed->size, sizeof(out->size));
    memcpy(out->reason, followed->reason, sizeof(out->reason));
    for (; first < end; first++)
        out->sample[out->sample_count++] = followed->newest[first % SB_EVIDENCE_SAMPLES_MAX];
}

static uint32_t tell_ports(const struct sb_sketch *sketch, struct sb_port_packets *out) {
    struct sb_ranked ranked[SB_TOP_PORTS_MAX];
    const uint32_t count = sb_sketch_ranked(sketch, 1, ranked);

    for (uint32_t i = 0; i < count; i++) {
        struct sb_address_words key;

        memcpy(&key, ranked[i].key, sizeof(key));
        out[i] = (struct sb_port_packets){.packets = ranked[i].packets,
                                          .error = ranked[i].error,
                                          .protocol = (uint16_t)key.word[0],
                                          .port = (uint16_t)key.word[1]};
    }
    return count;
}
