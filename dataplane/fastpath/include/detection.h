/* detection.h: the collector: sums the lcores' counters, and makes sketches of their samples.
 *
 * Runs on the control lcore every 0.1 s and touches no packet. Only the collector reads the lcores'
 * traffic tables and takes their samples; it also sets their sampling rates. It makes no decision:
 * it reports the targets with any count above the floor of their profile. Address space is reserved
 * at creation. Needs no EAL.
 */
#ifndef SB_DETECTION_H
#define SB_DETECTION_H

#include "abi.h"

struct sb_detection;

/* Creates a collector. lcores: addresses of struct sb_lcore, of one node and each with a traffic
 * table; they must outlive it. key: 16 random bytes. 0, -EINVAL, -ENOMEM. */
int sb_detection_create(const uint64_t *lcores, uint32_t lcore_count, const uint8_t key[16],
                        struct sb_detection **out);
void sb_detection_destroy(struct sb_detection *detection);
/* Bytes of reserved address space; memory is only used as far as it was needed. */
uint64_t sb_detection_bytes(const struct sb_detection *detection);

/* Sets the counts per second at which a target of the profile becomes a candidate; 0: a kind never
 * makes it one. -EINVAL. */
int sb_detection_floors(struct sb_detection *detection, uint32_t profile,
                        const struct sb_traffic_sum *floors);

/* Collects the new counts and samples, and fills window. boot_ms must not decrease. */
void sb_detection_collect(struct sb_detection *detection, uint64_t boot_ms,
                          struct sb_traffic_window *window);

/* Keeps evidence of a target from now on, beginning with the samples of the last second. Host bits
 * must be zero. 0, also if it is followed already; -EINVAL; -ENOSPC: SB_FOLLOWED_MAX are followed.
 */
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
