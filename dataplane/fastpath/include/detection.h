/* detection.h: the collector: sums of what the lcores count, and sketches of what they sample.
 *
 * Runs on the control lcore, a tenth of a second after it ran before, and touches no packet. It
 * alone reads the lcores' traffic tables and takes their samples, and it tells the lcores what to
 * sample. Judges nothing: says which targets have more of something than the floor of their
 * profile. Memory is reserved at creation. Needs no EAL.
 */
#ifndef SB_DETECTION_H
#define SB_DETECTION_H

#include "abi.h"

struct sb_detection;

/* lcores: addresses of struct sb_lcore, each with a traffic table, of one node; they must outlive
 * it. key: 16 random bytes. 0, -EINVAL, -ENOMEM. */
int sb_detection_create(const uint64_t *lcores, uint32_t lcore_count, const uint8_t key[16],
                        struct sb_detection **out);
void sb_detection_destroy(struct sb_detection *detection);
/* Memory that is reserved; what no destination has needed yet is not touched. */
uint64_t sb_detection_bytes(const struct sb_detection *detection);

/* From which counts of a second on a target of the profile is a candidate; 0: whatever the count.
 * -EINVAL. */
int sb_detection_floors(struct sb_detection *detection, uint32_t profile,
                        const struct sb_traffic_sum *floors);

/* Takes what is new, and fills window. boot_ms never goes back. */
void sb_detection_collect(struct sb_detection *detection, uint64_t boot_ms,
                          struct sb_traffic_window *window);

/* Keeps evidence of a target from now on, and of the samples of the last second. Host bits must be
 * zero. 0, also where it is followed already; -EINVAL, -ENOSPC: SB_FOLLOWED_MAX are. */
int sb_detection_follow(struct sb_detection *detection, const uint8_t key[16],
                        uint32_t prefix_length);
/* 0, -ENOENT. */
int sb_detection_unfollow(struct sb_detection *detection, const uint8_t key[16],
                          uint32_t prefix_length);
/* 0, -ENOENT. */
int sb_detection_evidence(const struct sb_detection *detection, const uint8_t key[16],
                          uint32_t prefix_length, struct sb_target_evidence *out);
void sb_detection_top(const struct sb_detection *detection, struct sb_node_top *out);

#endif
