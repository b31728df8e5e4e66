/* samples.h: takes the lcores' samples at each collection, for the sketches of the node and for the
 * evidence of followed targets. */
#ifndef SB_DETECTION_SAMPLES_H
#define SB_DETECTION_SAMPLES_H

#include "destinations.h"
#include "prefix_sums.h"
#include "sketch.h"

enum {
    SB_KEPT_SAMPLES = 1 << 15, /* the newest, for targets that will be followed later */
    SB_KEPT_DS = 10,           /* 0.1 s: a new target gets samples up to this age */
    SB_SAMPLES_WANTED = 2000   /* of each kind, per collection */
};

/* A target for which evidence is kept. */
struct sb_followed {
    struct sb_address_words key;
    uint32_t prefix_length;
    uint32_t is_used;
    uint64_t packets;
    uint64_t samples;
    struct sb_sketch sources;
    struct sb_sketch ports;
    struct sb_sketch source_ports;
    struct sb_distinct distinct;
    uint64_t country[SB_COUNTRY_MAX + 1];
    uint64_t tcp_flags[256];
    uint64_t size[SB_SIZE_CLASSES];
    uint64_t reason[SB_REASON_COUNT];
    struct sb_sample newest[SB_EVIDENCE_SAMPLES_MAX];
};

struct sb_samples {
    struct sb_node *node;
    uint64_t kept_count;       /* number of all samples ever kept */
    uint64_t taken_of_sources; /* in the current collection */
    uint64_t decayed_ds;
    struct sb_sketch sources;
    struct sb_sketch destinations;
    uint32_t followed_count;
    /* indices in followed, in the order in which they were added */
    uint32_t order[SB_FOLLOWED_MAX];
    struct sb_followed *followed; /* SB_FOLLOWED_MAX */
    struct sb_sample *kept;
};

/* 0, -ENOMEM. */
int sb_samples_create(struct sb_samples *samples, struct sb_node *node);
void sb_samples_free(struct sb_samples *samples);
uint64_t sb_samples_bytes(void);

/* Takes all samples from the rings. Returns how many were ever lost. */
uint64_t sb_samples_collect(struct sb_samples *samples, const struct sb_destinations *destinations,
                            uint64_t boot_ds);
/* Sets the sampling rates. packets: packets from outside within passed_ms. */
void sb_samples_adapt(struct sb_samples *samples, uint64_t packets, uint64_t passed_ms);

/* NULL: the target is not followed. */
struct sb_followed *sb_followed_find(const struct sb_samples *samples, struct sb_address_words key,
                                     uint32_t prefix_length);
/* See sb_detection_follow and sb_detection_unfollow. */
int sb_followed_add(struct sb_samples *samples, struct sb_address_words key, uint32_t prefix_length,
                    uint64_t boot_ds);
int sb_followed_remove(struct sb_samples *samples, struct sb_address_words key,
                       uint32_t prefix_length);
void sb_followed_sample(struct sb_followed *followed, const struct sb_node *node,
                        const struct sb_sample *sample);
void sb_followed_tell(const struct sb_followed *followed, struct sb_target_evidence *out);

static inline bool sb_followed_is(const struct sb_followed *followed,
                                  struct sb_address_words address) {
    const struct sb_address_words key = sb_prefix_of(address, followed->prefix_length);

    return key.word[0] == followed->key.word[0] && key.word[1] == followed->key.word[1];
}

#endif
