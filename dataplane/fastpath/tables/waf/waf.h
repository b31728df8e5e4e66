/* waf.h: WAF rules, matched by Hyperscan in block mode.
 *
 * Two things that change apart. Slots (struct sb_waf, one for all lcores) hold what a rule does:
 * action, end, enabled, profiles; they change while workers run and act at once. Databases (struct
 * sb_waf_set, swapped as sb_node.waf_set) hold the patterns; the id of a pattern is its slot. A
 * slot is given to another rule only when no database in use names it any more, and some time
 * after.
 *
 * Writer: the control loop. Readers: stages, which call sb_waf_begin, sb_waf_scan and sb_waf_end.
 * They allocate nothing: each lcore has scratch memory, made before its set is swapped in.
 */
#ifndef SB_WAF_H
#define SB_WAF_H

#include <stdbool.h>

#include "abi.h"

enum {
    SB_WAF_HITS_MAX = 64,                    /* rules listed of one request */
    SB_WAF_DATABASES_MAX = 7,                /* of one class: 3 tiers, and a main one in 4 parts */
    SB_WAF_BYTES_MAX = (1 << 20) + (1 << 17) /* a body, and its trailers in the same text */
};

#define SB_WAF_IMAGE_MAX (1ull << 30) /* bytes of one database */

struct sb_waf;
struct sb_waf_set;
struct sb_waf_image;

/* Where a rule has matched. */
struct sb_waf_place {
    uint8_t target; /* enum sb_waf_class */
    uint8_t form;   /* as the caller has set it in the request */
    uint8_t reserved[2];
    uint32_t end; /* of the match, in bytes from where the scan began */
};

/* What one request has hit. May be kept from burst to burst, for less than a minute. */
struct sb_waf_request {
    struct sb_lcore *lcore;
    uint32_t now_ds;
    uint16_t profile;
    uint8_t form;       /* set by the caller before a scan, for the evidence */
    uint8_t block_mode; /* enum sb_mode that the group of the rule in block has, or ENFORCE */
    uint32_t hit_count; /* at most SB_WAF_HITS_MAX: each rule once */
    uint32_t more;      /* 1: others were hit, and are neither listed nor counted */
    uint32_t block;     /* slot of the first rule that blocks, + 1; 0: none. One whose
                           group is only watched makes room for one whose is not */
    struct sb_waf_place block_place; /* where that was */
    struct sb_waf_place place;       /* of the first hit, whatever its action */
    uint32_t hit[SB_WAF_HITS_MAX];   /* slots */
};

/* --- for the stages ----------------------------------------------------------------------------
 */

/* Of a header's name, lower-cased (ASCII); never 0. */
uint32_t sb_waf_name(const uint8_t *name, uint32_t size);

/* Whether all rules are in force that were there at the start; false: the profile's fail decides.
 */
bool sb_waf_is_ready(const struct sb_lcore *lcore);

void sb_waf_begin(struct sb_waf_request *request, struct sb_lcore *lcore, uint16_t profile,
                  const struct sb_time *now);

/* Classes that have rules, bit c for enum sb_waf_class c: others need not be scanned. */
uint32_t sb_waf_classes(const struct sb_waf_request *request);

/* Looks for all rules of a class in so many bytes, at most SB_WAF_BYTES_MAX. name: of a header
 * (sb_waf_name), else 0. 0; -EIO: the engine failed, or -EMSGSIZE, and the profile's fail decides.
 */
int sb_waf_scan(struct sb_waf_request *request, enum sb_waf_class class, uint32_t name,
                const uint8_t *bytes, uint32_t size);

/* Once, when nothing of the request will be scanned any more: counts each rule that was hit. True:
 * one of them blocks, and its group does not forbid it. The mode of the profile's own rule is not
 * looked at. */
bool sb_waf_end(struct sb_waf_request *request);

/* Number of the rule in a slot; 0: none. */
uint64_t sb_waf_number(const struct sb_lcore *lcore, uint32_t slot);

/* Keeps what a rule has matched as evidence, and reports it as an event: at most once a
 * second for each rule and lcore. The caller fills everything but sequence, boot_ds and severity.
 * The request is counted as one of the rule's group. */
void sb_evidence_add(struct sb_lcore *lcore, struct sb_evidence *evidence, uint32_t slot,
                     enum sb_waf_result result, const struct sb_time *now);

/* --- for the control loop ----------------------------------------------------------------------
 */

/* 0, -ENOMEM, -ENOTSUP (the CPU has no SSE4.2). */
int sb_waf_create(struct sb_waf **out);
void sb_waf_destroy(struct sb_waf *waf);

/* Gives slots their rules, or changes them. 0; -EINVAL names nothing: the first record that is out
 * of bounds ends it, those before are done. */
int sb_waf_put(struct sb_waf *waf, const struct sb_waf_rule *rules, uint32_t count);

/* From now on these match nothing. */
void sb_waf_remove(struct sb_waf *waf, const uint32_t *slots, uint32_t count);

/* "5.4.0 2026-01-01": databases of another one can't be loaded. */
const char *sb_waf_engine(void);

/* Memory for a database: as large as it will be, at most SB_WAF_IMAGE_MAX bytes, in huge pages
 * where they help. 0, -EINVAL, -ENOMEM. */
int sb_waf_image_create(uint64_t size, struct sb_waf_image **out);
void sb_waf_image_destroy(struct sb_waf_image *image);

/* To be filled until it is sealed: then it can't be written any more. 0, -errno. */
void *sb_waf_image_bytes(const struct sb_waf_image *image);
int sb_waf_image_seal(const struct sb_waf_image *image);

/* A set for so many lcores. 0, -EINVAL, -ENOMEM. */
int sb_waf_set_create(uint32_t lcore_count, struct sb_waf_set **out);
void sb_waf_set_destroy(struct sb_waf_set *set);

/* Adds a database image that lies at address, aligned to 64 bytes, until the set is destroyed.
 * 0; -EINVAL: it is no database of this engine, version or size; -ENOSPC: too many of the class. */
int sb_waf_set_add(struct sb_waf_set *set, uint32_t class, uint64_t address, uint64_t size);

/* After the last database: makes the scratch memory, or shares that of the set before, NULL: there
 * was none. 0, -EINVAL, -ENOMEM. */
int sb_waf_set_build(struct sb_waf_set *set, struct sb_waf_set *before, bool is_ready);
uint64_t sb_waf_set_bytes(const struct sb_waf_set *set);

#endif
