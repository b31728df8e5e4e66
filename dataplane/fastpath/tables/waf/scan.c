/* scan.c: scans one request with the databases in force, on the packet path; see waf.h. */
#define _GNU_SOURCE
#include <errno.h>

#include "tables/policy/policy.h"
#include "waf_private.h"

/* FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
#define FNV_BASIS 2166136261u
#define FNV_PRIME 16777619u

/* The context of the engine's callback. */
struct scan {
    struct sb_waf_request *request;
    const struct sb_waf *waf;
    const struct sb_profile *profile;
    uint32_t name;
    uint8_t class;
};

static int on_match(unsigned int slot, unsigned long long from, unsigned long long to,
                    unsigned int flags, void *context);
static bool is_meant(const struct scan *scan, uint32_t slot, union sb_slot_state state);
static bool is_for_header(const struct sb_slot *slot, uint32_t name);
static bool add_hit(struct sb_waf_request *request, uint32_t slot);
static void note_block(struct sb_waf_request *request, uint32_t slot, enum sb_mode mode,
                       struct sb_waf_place place);

static inline bool has_group(const uint64_t *groups, uint8_t group) {
    return groups[group / 64] >> group % 64 & 1;
}

static inline struct sb_lcore_stats *stats_of(const struct sb_lcore *lcore) {
    return (struct sb_lcore_stats *)(uintptr_t)lcore->stats;
}

uint32_t sb_waf_name(const uint8_t *name, uint32_t size) {
    uint32_t hash = FNV_BASIS;

    for (uint32_t i = 0; i < size; i++) {
        uint8_t is_upper = name[i] >= 'A' && name[i] <= 'Z';

        hash = (hash ^ (uint8_t)(name[i] | is_upper << 5)) * FNV_PRIME;
    }
    return hash == 0 ? 1 : hash;
}

bool sb_waf_is_ready(const struct sb_lcore *lcore) {
    const struct sb_waf_set *set = sb_waf_set_of(lcore);

    return set != NULL && set->is_ready;
}

void sb_waf_begin(struct sb_waf_request *request, struct sb_lcore *lcore, uint16_t profile,
                  const struct sb_time *now) {
    request->lcore = lcore;
    request->now_ds = now->boot_ds;
    request->profile = profile;
    request->form = 0;
    request->hit_count = 0;
    request->more = 0;
    request->block = 0;
    request->block_mode = SB_MODE_ENFORCE;
}

uint32_t sb_waf_classes(const struct sb_waf_request *request) {
    const struct sb_waf_set *set = sb_waf_set_of(request->lcore);

    return set == NULL ? 0 : set->classes;
}

int sb_waf_scan(struct sb_waf_request *request, enum sb_waf_class class, uint32_t name,
                const uint8_t *bytes, uint32_t size) {
    struct sb_lcore *lcore = request->lcore;
    const struct sb_waf_set *set = sb_waf_set_of(lcore);
    struct sb_waf_stats *stats = &stats_of(lcore)->waf;
    /* The profile may have been deleted since the request began; it then switches no group off. */
    const struct sb_profile *profile =
        ((const struct sb_policy *)(uintptr_t)lcore->policy)->profiles + request->profile;
    struct scan scan = {request, sb_waf_of(lcore), profile, name, (uint8_t)class};

    if (size > SB_WAF_BYTES_MAX)
        return -EMSGSIZE;
    /* The admission of rules ensures that no pattern matches the empty text. The engine does not
     * accept NULL. */
    if (set == NULL || size == 0)
        return 0;
    for (uint32_t i = 0; i < set->count[class]; i++) {
        const bool is_measured = (stats->scans & (SB_SAMPLED_BURSTS - 1)) == 0;
        const uint64_t begun = is_measured ? __builtin_ia32_rdtsc() : 0;
        hs_error_t error = hs_scan(set->database[class][i], (const char *)bytes, size, 0,
                                   set->scratch->lcore[lcore->index], on_match, &scan);

        if (is_measured) { /* for statistics only */
            stats->sampled_scans++;
            stats->sampled_cycles += __builtin_ia32_rdtsc() - begun;
        }
        stats->scans++;
        stats->bytes += size;
        if (error != HS_SUCCESS && error != HS_SCAN_TERMINATED) {
            stats->failed++;
            return -EIO;
        }
    }
    return 0;
}

bool sb_waf_end(struct sb_waf_request *request) {
    struct sb_lcore_stats *stats = stats_of(request->lcore);

    for (uint32_t i = 0; i < request->hit_count; i++)
        stats->rule_hits[request->hit[i]]++;
    stats->waf.hits += request->hit_count;
    stats->waf.cut += request->more;
    return request->block != 0 && request->block_mode == SB_MODE_ENFORCE;
}

uint64_t sb_waf_number(const struct sb_lcore *lcore, uint32_t slot) {
    return slot < SB_RULES_MAX ? sb_waf_of(lcore)->slot[slot].number : 0;
}

/* Returns 1, which ends the scan, if a rule blocks and there is no room to list more hits. */
static int on_match(unsigned int slot, unsigned long long from, unsigned long long to,
                    unsigned int flags, void *context) {
    const struct scan *scan = context;
    struct sb_waf_request *request = scan->request;
    union sb_slot_state state;
    bool is_new;

    (void)from;
    (void)flags;
    if (slot >= SB_RULES_MAX)
        return 0;
    state = sb_slot_state_of(scan->waf, slot);
    if (!is_meant(scan, slot, state))
        return 0;
    const struct sb_waf_place place = {
        .target = scan->class, .form = request->form, .end = (uint32_t)to};

    if (request->hit_count == 0)
        request->place = place;
    is_new = add_hit(request, slot);
    if (is_new && state.action == SB_WAF_BLOCK)
        note_block(request, slot,
                   has_group(scan->profile->waf_monitor, state.group) ? SB_MODE_MONITOR
                                                                      : SB_MODE_ENFORCE,
                   place);
    return request->more && request->block != 0 && request->block_mode == SB_MODE_ENFORCE;
}

static bool is_meant(const struct scan *scan, uint32_t slot, union sb_slot_state state) {
    const uint32_t profile = scan->request->profile;

    if (!(state.flags & SB_SLOT_ENABLED) || state.deadline_ds <= scan->request->now_ds ||
        has_group(scan->profile->waf_off, state.group))
        return false;
    if (state.flags & SB_SLOT_LISTED) {
        uint64_t word =
            atomic_load_explicit(&scan->waf->listed[profile][slot / 64], memory_order_relaxed);

        if (!(word >> slot % 64 & 1))
            return false;
    }
    return scan->class != SB_WAF_HEADER || is_for_header(&scan->waf->slot[slot], scan->name);
}

static bool is_for_header(const struct sb_slot *slot, uint32_t name) {
    for (uint32_t i = 0; i < slot->name_count; i++) {
        if (slot->name[i] == name)
            return true;
    }
    return false;
}

/* True: the rule is not among the listed hits. A hit without room is always reported as new: its
 * rule may block, but is not counted. */
static bool add_hit(struct sb_waf_request *request, uint32_t slot) {
    for (uint32_t i = 0; i < request->hit_count; i++) {
        if (request->hit[i] == slot)
            return false;
    }
    if (request->hit_count == SB_WAF_HITS_MAX)
        request->more = 1;
    else
        request->hit[request->hit_count++] = slot;
    return true;
}

/* Records the first rule that blocks. A rule in mode enforce replaces one whose group is in mode
 * monitor. */
static void note_block(struct sb_waf_request *request, uint32_t slot, enum sb_mode mode,
                       struct sb_waf_place place) {
    if (request->block != 0 && request->block_mode >= mode)
        return;
    request->block = slot + 1;
    request->block_mode = (uint8_t)mode;
    request->block_place = place;
}
