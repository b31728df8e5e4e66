/* follow.c: queries to the collector between two collections: evidence. */
#include <errno.h>

#include "detection_private.h"

enum { NODE_DIVISOR = 8 /* limit of a sketch that loses 1/8 per second, divided by the rate */ };

int sb_detection_follow(struct sb_detection *detection, const uint8_t key[16],
                        uint32_t prefix_length) {
    const struct sb_address_words words = sb_address_words(key, 6);
    struct sb_address_words prefix;

    if (prefix_length > 128)
        return -EINVAL;
    prefix = sb_prefix_of(words, prefix_length);
    if (prefix.word[0] != words.word[0] || prefix.word[1] != words.word[1])
        return -EINVAL;
    return sb_followed_add(&detection->samples, words, prefix_length,
                           detection->collected_ms / SB_HISTORY_SLOT_MS);
}

int sb_detection_unfollow(struct sb_detection *detection, const uint8_t key[16],
                          uint32_t prefix_length) {
    return sb_followed_remove(&detection->samples, sb_address_words(key, 6), prefix_length);
}

int sb_detection_evidence(const struct sb_detection *detection, const uint8_t key[16],
                          uint32_t prefix_length, struct sb_target_evidence *out) {
    const struct sb_followed *followed =
        sb_followed_find(&detection->samples, sb_address_words(key, 6), prefix_length);

    if (followed == NULL)
        return -ENOENT;
    sb_followed_tell(followed, out);
    return 0;
}

void sb_detection_top(const struct sb_detection *detection, struct sb_node_top *out) {
    const struct sb_samples *samples = &detection->samples;

    out->source_count = sb_sketch_ranked(&samples->sources, NODE_DIVISOR, out->source);
    out->destination_count =
        sb_sketch_ranked(&samples->destinations, NODE_DIVISOR, out->destination);
}
