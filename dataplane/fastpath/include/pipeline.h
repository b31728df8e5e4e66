/* pipeline.h: what the stages share, and the pipeline as one function of (burst, time).
 *
 * No stage knows DPDK, reads a clock or calls another stage: the worker loop, replay and the tests
 * call the same code.
 */
#ifndef SB_PIPELINE_H
#define SB_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

struct sb_lists;

/* Runs every stage over burst->packets[0..count): parse to forward. Afterwards each packet has its
 * verdict; HELD with packet.owner != lcore->index means: hand it over to that lcore, which calls
 * sb_pipeline_resume. */
void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* The stages after OWNER, for packets another lcore has received and handed over. */
void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* The stages; each in the file of its name. */
void sb_parse_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_sanity_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_owner_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_lists_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_forward_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Index of the lcore that owns a client address (16 bytes, IPv4 mapped), the same in both
 * directions. */
uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]);

/* Names and texts of reasons and stages, from the X-macro lists; NULL beyond the end. */
const char *sb_reason_name(uint32_t reason);
const char *sb_reason_text(uint32_t reason);
const char *sb_stage_name(uint32_t stage);
/* Stage that decides a reason; default mode; 1 where the mode can be chosen. */
uint32_t sb_reason_stage(uint32_t reason);
uint32_t sb_reason_default_mode(uint32_t reason);
uint32_t sb_reason_selectable(uint32_t reason);
/* Fills a profile with every reason's default mode. */
void sb_profile_init(struct sb_profile *profile);

#endif
