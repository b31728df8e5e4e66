/* waf.h: WAF rules, matched by Hyperscan in block mode.
 *
 * Slots and databases change independently. Slots (struct sb_waf, one for all lcores) hold what a
 * rule does: action, end, enabled, profiles. They change while workers run, with immediate effect.
 * Databases (struct sb_waf_set, swapped as sb_node.waf_set) hold the patterns; the id of a pattern
 * is its slot. A slot is assigned to another rule only some time after the last database with that
 * slot went out of use.
 *
 * Writer: the control loop. Readers: stages, which call sb_waf_begin, sb_waf_scan and sb_waf_end.
 * These allocate nothing: each lcore has scratch memory, which is made before its set is swapped
 * in.
 */
#ifndef SB_WAF_H
#define SB_WAF_H

#include <stdbool.h>

#include "abi.h"

enum {
    SB_WAF_HITS_MAX = 64,                    /* listed rules per request */
    SB_WAF_DATABASES_MAX = 7,                /* per class: 3 tiers, and a main one in 4 parts */
    SB_WAF_BYTES_MAX = (1 << 20) + (1 << 17) /* a body and its trailers in one text */
};

#define SB_WAF_IMAGE_MAX (1ull << 30) /* bytes of one database */

struct sb_waf;
struct sb_waf_set;
struct sb_waf_image;

/* The place of a match. */
struct sb_waf_place {
    uint8_t target; /* the caller's value of sb_waf_request.form */
    uint8_t form;   /* as the caller has set it in the request */
    uint8_t reserved[2];
    uint32_t end; /* of the match, in bytes from the beginning of the scan */
};

/* The hits of one request. May be kept over several bursts, for less than a minute. */
struct sb_waf_request {
    struct sb_lcore *lcore;
    uint32_t now_ds;
    uint16_t profile;
    uint8_t form;       /* set by the caller before a scan, for the evidence */
    uint8_t block_mode; /* enum sb_mode of the group of the rule in block */
    uint32_t hit_count; /* at most SB_WAF_HITS_MAX: each rule once */
    uint32_t more;      /* 1: there were more hits, not listed and not counted */
    /* Slot of the first rule that blocks, + 1; 0: none. A rule in mode enforce replaces one whose
     * group is in mode monitor. */
    uint32_t block;
    struct sb_waf_place block_place; /* place of the match of the rule in block */
    struct sb_waf_place place;       /* of the first hit, whatever its action */
    uint32_t hit[SB_WAF_HITS_MAX];   /* slots */
};

/* --- for the stages ----------------------------------------------------------------------------
 */

/* A hash of a header's name in lower case (ASCII); never 0. */
uint32_t sb_waf_name(const uint8_t *name, uint32_t size);

/* Whether all rules that existed at the start are in force. If not, fail_closed of the profile
 * decides. */
bool sb_waf_is_ready(const struct sb_lcore *lcore);

void sb_waf_begin(struct sb_waf_request *request, struct sb_lcore *lcore, uint16_t profile,
                  const struct sb_time *now);

/* The classes that have rules: bit c for enum sb_waf_class c. Other classes need not be scanned. */
uint32_t sb_waf_classes(const struct sb_waf_request *request);

/* Scans bytes (size at most SB_WAF_BYTES_MAX) for all rules of a class. name: sb_waf_name of a
 * header, else 0. Returns 0; -EIO (the engine failed) or -EMSGSIZE: fail_closed of the profile
 * decides.
 */
int sb_waf_scan(struct sb_waf_request *request, enum sb_waf_class class, uint32_t name,
                const uint8_t *bytes, uint32_t size);

/* To be called once, after the last scan of a request: counts each rule that was hit. True: one of
 * them blocks, and its group is in mode enforce. The mode of the reason WAF_RULE is not considered.
 */
bool sb_waf_end(struct sb_waf_request *request);

/* Number of the rule in a slot; 0: none. */
uint64_t sb_waf_number(const struct sb_lcore *lcore, uint32_t slot);

/* Writes evidence of a match, and reports it as an event, at most once a second for each rule and
 * lcore. The caller sets all fields but sequence, boot_ds and severity. Counts the request for the
 * rule's group. */
void sb_evidence_add(struct sb_lcore *lcore, struct sb_evidence *evidence, uint32_t slot,
                     enum sb_waf_result result, const struct sb_time *now);

/* --- for the control loop ----------------------------------------------------------------------
 */

/* 0, -ENOMEM, -ENOTSUP (the CPU has no SSE4.2). */
int sb_waf_create(struct sb_waf **out);
void sb_waf_destroy(struct sb_waf *waf);

/* Assigns rules to slots, or changes them. 0, or -EINVAL: a record is out of bounds; those before
 * it are in force. */
int sb_waf_put(struct sb_waf *waf, const struct sb_waf_rule *rules, uint32_t count);

/* The rules of these slots match nothing from now on. */
void sb_waf_remove(struct sb_waf *waf, const uint32_t *slots, uint32_t count);

/* Version and build of the engine, like "5.4.0 2026-01-01". A database of another one can't be
 * loaded. */
const char *sb_waf_engine(void);

/* Allocates memory for a database of exactly this size, at most SB_WAF_IMAGE_MAX bytes, in huge
 * pages if useful. 0, -EINVAL, -ENOMEM. */
int sb_waf_image_create(uint64_t size, struct sb_waf_image **out);
void sb_waf_image_destroy(struct sb_waf_image *image);

/* The memory may be written until it is sealed. 0, -errno. */
void *sb_waf_image_bytes(const struct sb_waf_image *image);
int sb_waf_image_seal(const struct sb_waf_image *image);

/* Creates a set for this many lcores. 0, -EINVAL, -ENOMEM. */
int sb_waf_set_create(uint32_t lcore_count, struct sb_waf_set **out);
void sb_waf_set_destroy(struct sb_waf_set *set);

/* Adds a database image at address (aligned to 64 bytes), which must stay until the set is
 * destroyed. 0; -EINVAL: not a database of this engine, version or size; -ENOSPC: too many of the
 * class. */
int sb_waf_set_add(struct sb_waf_set *set, uint32_t class, uint64_t address, uint64_t size);

/* To be called after the last database: makes the scratch memory, or shares that of the set before
 * (NULL: none). 0, -EINVAL, -ENOMEM. */
int sb_waf_set_build(struct sb_waf_set *set, struct sb_waf_set *before, bool is_ready);
uint64_t sb_waf_set_bytes(const struct sb_waf_set *set);

#endif
