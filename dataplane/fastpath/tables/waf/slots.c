/* slots.c: what each rule does. The control loop writes it while workers read. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "tables/memory/memory.h"
#include "waf_private.h"

_Static_assert(sizeof(struct sb_slot) == SB_CACHE_LINE, "a slot is one line");
_Static_assert(sizeof(union sb_slot_state) == sizeof(uint64_t), "one word");
_Static_assert(sizeof(struct sb_waf_rule) == 128, "no padding");
_Static_assert(SB_RULE_GROUPS_MAX == SB_RULE_GROUP_WORDS * 64, "a bit for each group");

static bool is_sound(const struct sb_waf_rule *rule);
static void put(struct sb_waf *waf, const struct sb_waf_rule *rule);
static void list_for(struct sb_waf *waf, const struct sb_waf_rule *rule);
static void unlist(struct sb_waf *waf, uint32_t slot, const struct sb_waf_rule *kept);

int sb_waf_create(struct sb_waf **out) {
    if (hs_valid_platform() != HS_SUCCESS)
        return -ENOTSUP;
    /* Pages of unused profiles and lcores use no memory. */
    *out = sb_memory_map_small(sizeof(**out));
    return *out == NULL ? -ENOMEM : 0;
}

void sb_waf_destroy(struct sb_waf *waf) {
    sb_memory_unmap(waf, sizeof(*waf));
}

const char *sb_waf_engine(void) {
    return hs_version();
}

int sb_waf_put(struct sb_waf *waf, const struct sb_waf_rule *rules, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (!is_sound(&rules[i]))
            return -EINVAL;
        put(waf, &rules[i]);
    }
    return 0;
}

void sb_waf_remove(struct sb_waf *waf, const uint32_t *slots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] >= SB_RULES_MAX)
            continue;
        atomic_store_explicit(&waf->slot[slots[i]].state, 0, memory_order_release);
        unlist(waf, slots[i], NULL);
    }
}

static bool is_sound(const struct sb_waf_rule *rule) {
    if (rule->slot >= SB_RULES_MAX || rule->action >= SB_WAF_ACTION_COUNT ||
        rule->name_count > SB_RULE_NAMES_MAX || rule->profile_count > SB_RULE_PROFILES_MAX ||
        rule->group >= SB_RULE_GROUPS_MAX || rule->severity >= SB_SEVERITY_COUNT)
        return false;
    for (uint32_t i = 0; i < rule->profile_count; i++) {
        if (rule->profile[i] >= SB_PROFILES_MAX)
            return false;
    }
    return true;
}

/* New profiles are listed before old ones are removed: in between, the rule applies to both, never
 * to none. */
static void put(struct sb_waf *waf, const struct sb_waf_rule *rule) {
    struct sb_slot *slot = &waf->slot[rule->slot];
    union sb_slot_state state = {.deadline_ds = rule->deadline_ds,
                                 .action = rule->action,
                                 .group = rule->group,
                                 .severity = rule->severity};

    if (rule->is_enabled)
        state.flags |= SB_SLOT_ENABLED;
    if (rule->is_listed)
        state.flags |= SB_SLOT_LISTED;
    slot->number = rule->number;
    slot->name_count = rule->name_count;
    memcpy(slot->name, rule->name, sizeof(slot->name));
    list_for(waf, rule);
    atomic_store_explicit(&slot->state, state.word, memory_order_release);
    unlist(waf, rule->slot, rule);
    waf->profiles[rule->slot].count = rule->profile_count;
    memcpy(waf->profiles[rule->slot].profile, rule->profile, sizeof(rule->profile));
}

static void list_for(struct sb_waf *waf, const struct sb_waf_rule *rule) {
    for (uint32_t i = 0; i < rule->profile_count; i++)
        atomic_fetch_or_explicit(&waf->listed[rule->profile[i]][rule->slot / 64],
                                 1ull << rule->slot % 64, memory_order_relaxed);
}

/* Removes a slot from the profiles that it was listed for, except those of kept. */
static void unlist(struct sb_waf *waf, uint32_t slot, const struct sb_waf_rule *kept) {
    struct sb_slot_profiles *had = &waf->profiles[slot];

    for (uint32_t i = 0; i < had->count; i++) {
        bool stays = false;

        for (uint32_t j = 0; kept != NULL && j < kept->profile_count; j++)
            stays |= kept->profile[j] == had->profile[i];
        if (!stays)
            atomic_fetch_and_explicit(&waf->listed[had->profile[i]][slot / 64],
                                      ~(1ull << slot % 64), memory_order_relaxed);
    }
    had->count = 0;
}
