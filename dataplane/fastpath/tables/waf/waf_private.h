/* waf_private.h: slots and sets, for the code that writes them and the code that scans. */
#ifndef SB_WAF_PRIVATE_H
#define SB_WAF_PRIVATE_H

#include <hs/hs_common.h>
#include <hs/hs_runtime.h>
#include <stdatomic.h>

#include "waf.h"

enum {
    SB_SLOT_ENABLED = 1 << 0,
    SB_SLOT_LISTED = 1 << 1, /* only for the profiles whose bit is set */
    SB_PROFILE_WORDS = SB_RULES_MAX / 64,
};

/* What a rule does, in one word, so that a reader never sees a partial change. */
union sb_slot_state {
    uint64_t word;
    struct {
        uint32_t deadline_ds;
        uint8_t flags;
        uint8_t action; /* enum sb_waf_action */
        uint8_t group;
        uint8_t severity; /* enum sb_severity */
    };
};

/* One cache line. Number and names do not change while a database with this slot is in use. */
struct sb_slot {
    _Atomic uint64_t state;
    uint64_t number;
    uint32_t name_count;
    uint32_t name[SB_RULE_NAMES_MAX];
    uint8_t reserved[12];
};

/* State of a slot that only the writer needs. */
struct sb_slot_profiles {
    uint16_t count;
    uint16_t profile[SB_RULE_PROFILES_MAX];
};

/* State that only one lcore writes. */
struct sb_waf_lcore {
    uint32_t event_ds[SB_RULES_MAX]; /* of the last event of each rule */
};

struct sb_waf {
    struct sb_slot slot[SB_RULES_MAX];
    /* bit: the rule applies to the profile */
    _Atomic uint64_t listed[SB_PROFILES_MAX][SB_PROFILE_WORDS];
    struct sb_slot_profiles profiles[SB_RULES_MAX];
    struct sb_waf_lcore lcore[SB_LCORES_MAX];
};

/* Scratch memory for scans, one part for each lcore. Sets share it if it is large enough for them.
 */
struct sb_waf_scratch {
    uint32_t users;
    uint32_t count;
    size_t size; /* of each */
    /* Not used for scans: the others are clones of it. It may be larger, and is handed to the next
     * one that is made; then NULL. */
    hs_scratch_t *model;
    hs_scratch_t *lcore[SB_LCORES_MAX];
};

struct sb_waf_set {
    uint32_t classes; /* bit c: class c has a database */
    uint32_t is_ready;
    uint32_t count[SB_WAF_CLASS_COUNT];
    const hs_database_t *database[SB_WAF_CLASS_COUNT][SB_WAF_DATABASES_MAX];
    struct sb_waf_scratch *scratch;
    uint64_t bytes;
    uint32_t lcore_count;
    uint32_t reserved;
} __attribute__((aligned(64)));

static inline union sb_slot_state sb_slot_state_of(const struct sb_waf *waf, uint32_t slot) {
    return (union sb_slot_state){
        .word = atomic_load_explicit(&waf->slot[slot].state, memory_order_acquire)};
}

static inline struct sb_waf *sb_waf_of(const struct sb_lcore *lcore) {
    return (struct sb_waf *)(uintptr_t)lcore->waf;
}

/* The set of the current burst: a set outlives every burst that may use it. */
static inline const struct sb_waf_set *sb_waf_set_of(const struct sb_lcore *lcore) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return (const struct sb_waf_set *)(uintptr_t)__atomic_load_n(&node->waf_set, __ATOMIC_ACQUIRE);
}

#endif
