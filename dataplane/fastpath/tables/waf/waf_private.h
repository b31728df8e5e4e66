/* waf_private.h: slots and sets, as those who write them and those who scan know them. */
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

/* What a rule does; one word, so that a reader never sees half a change. */
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

/* One line. Number and names stay as long as a database that is in use names the slot. */
struct sb_slot {
    _Atomic uint64_t state;
    uint64_t number;
    uint32_t name_count;
    uint32_t name[SB_RULE_NAMES_MAX];
    uint8_t reserved[12];
};

/* What the writer alone knows of a slot. */
struct sb_slot_profiles {
    uint16_t count;
    uint16_t profile[SB_RULE_PROFILES_MAX];
};

/* What one lcore alone writes. */
struct sb_waf_lcore {
    uint32_t event_ds[SB_RULES_MAX]; /* of the last event of each rule */
};

struct sb_waf {
    struct sb_slot slot[SB_RULES_MAX];
    _Atomic uint64_t listed[SB_PROFILES_MAX][SB_PROFILE_WORDS]; /* bit: the rule is for it */
    struct sb_slot_profiles profiles[SB_RULES_MAX];
    struct sb_waf_lcore lcore[SB_LCORES_MAX];
};

/* Memory to scan with, one for each lcore; sets that it is large enough for share it. */
struct sb_waf_scratch {
    uint32_t users;
    uint32_t count;
    size_t size;         /* of each */
    hs_scratch_t *model; /* not used for scans: the others are cloned from it. May be larger,
                            and goes on to the next that is made: then NULL */
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

/* Of the burst at hand: a set outlives every burst that may have seen it. */
static inline const struct sb_waf_set *sb_waf_set_of(const struct sb_lcore *lcore) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return (const struct sb_waf_set *)(uintptr_t)__atomic_load_n(&node->waf_set, __ATOMIC_ACQUIRE);
}

#endif
