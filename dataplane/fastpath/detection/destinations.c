#include "destinations.h"

#include <errno.h>

#include "tables/memory/memory.h"
#include "tables/policy/policy.h"

enum { SELECT_SLOTS = 10 /* until profiles are selected again */ };

static size_t bytes_of(size_t count, size_t size);
static bool make_lcore(struct sb_watched_lcore *lcore, struct sb_traffic_table *table);
static void advance_active(struct sb_destinations *destinations, uint64_t slot);
static void collect_rows(struct sb_destinations *destinations, struct sb_watched_lcore *lcore,
                         uint64_t slot);
static void follow_owner(struct sb_destinations *destinations, struct sb_watched_lcore *lcore,
                         uint32_t row);
static uint32_t find_or_make(struct sb_destinations *destinations, struct sb_address_words address);
static void let_go(struct sb_destinations *destinations, uint32_t index);
static void unlink_watched(struct sb_destinations *destinations, uint32_t index);
static void add(struct sb_destinations *destinations, uint32_t index, const struct sb_counts *found,
                uint64_t slot);
static void collect_overflow(struct sb_destinations *destinations, uint64_t slot);
static void select_profiles(struct sb_destinations *destinations, uint64_t slot);
static uint32_t profile_of(const struct sb_destinations *destinations,
                           struct sb_address_words address);

int sb_destinations_create(struct sb_destinations *destinations, const uint64_t *lcores,
                           uint32_t lcore_count, const uint8_t key[16]) {
    uint32_t buckets = 1;

    memset(destinations, 0, sizeof(*destinations));
    if (lcore_count == 0 || lcore_count > SB_LCORES_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < lcore_count; i++) {
        const struct sb_lcore *lcore = (const struct sb_lcore *)(uintptr_t)lcores[i];
        struct sb_traffic_table *table = sb_traffic_of(lcore);

        if (table == NULL)
            return -EINVAL;
        destinations->node = (const struct sb_node *)(uintptr_t)lcore->node;
        destinations->max += table->rows_max;
        destinations->lcore_count = i + 1;
        if (!make_lcore(&destinations->lcore[i], table))
            return -ENOMEM;
    }
    while (buckets < destinations->max)
        buckets *= 2;
    destinations->bucket_mask = buckets - 1;
    destinations->free = SB_DESTINATION_NONE;
    memcpy(&destinations->hash_key, key, sizeof(destinations->hash_key));
    destinations->hash_key.word[0] |= 1;
    destinations->hash_key.word[1] |= 1;
    destinations->buckets = sb_memory_map_small(bytes_of(buckets, sizeof(uint32_t)));
    destinations->active = sb_memory_map_small(bytes_of(destinations->max, sizeof(uint32_t)));
    destinations->watched =
        sb_memory_map_small(bytes_of(destinations->max, sizeof(*destinations->watched)));
    destinations->overflow =
        sb_memory_map_small(bytes_of(SB_PROFILES_MAX, sizeof(*destinations->overflow)));
    return destinations->buckets == NULL || destinations->active == NULL ||
                   destinations->watched == NULL || destinations->overflow == NULL
               ? -ENOMEM
               : 0;
}

static size_t bytes_of(size_t count, size_t size) {
    return count * size;
}

static bool make_lcore(struct sb_watched_lcore *lcore, struct sb_traffic_table *table) {
    lcore->table = table;
    lcore->rows_max = table->rows_max;
    lcore->rows = sb_memory_map_small(bytes_of(lcore->rows_max, sizeof(*lcore->rows)));
    lcore->overflow_seen =
        sb_memory_map_small(bytes_of(SB_PROFILES_MAX, sizeof(*lcore->overflow_seen)));
    return lcore->rows != NULL && lcore->overflow_seen != NULL;
}

void sb_destinations_free(struct sb_destinations *destinations) {
    for (uint32_t i = 0; i < destinations->lcore_count; i++) {
        struct sb_watched_lcore *lcore = &destinations->lcore[i];

        sb_memory_unmap(lcore->rows, bytes_of(lcore->rows_max, sizeof(*lcore->rows)));
        sb_memory_unmap(lcore->overflow_seen,
                        bytes_of(SB_PROFILES_MAX, sizeof(*lcore->overflow_seen)));
    }
    sb_memory_unmap(destinations->buckets,
                    bytes_of((size_t)destinations->bucket_mask + 1, sizeof(uint32_t)));
    sb_memory_unmap(destinations->active, bytes_of(destinations->max, sizeof(uint32_t)));
    sb_memory_unmap(destinations->watched,
                    bytes_of(destinations->max, sizeof(*destinations->watched)));
    sb_memory_unmap(destinations->overflow,
                    bytes_of(SB_PROFILES_MAX, sizeof(*destinations->overflow)));
}

uint64_t sb_destinations_bytes(const struct sb_destinations *destinations) {
    const size_t each =
        sizeof(*destinations->watched) + sizeof(uint32_t) + sizeof(*destinations->lcore[0].rows);

    return bytes_of(destinations->max, each) +
           bytes_of((size_t)destinations->bucket_mask + 1, sizeof(uint32_t)) +
           bytes_of(SB_PROFILES_MAX,
                    sizeof(*destinations->overflow) +
                        destinations->lcore_count * sizeof(*destinations->lcore[0].overflow_seen));
}

void sb_destinations_collect(struct sb_destinations *destinations, uint64_t slot) {
    select_profiles(destinations, slot);
    advance_active(destinations, slot);
    for (uint32_t i = 0; i < destinations->lcore_count; i++)
        collect_rows(destinations, &destinations->lcore[i], slot);
    collect_overflow(destinations, slot);
}

const struct sb_watched *sb_destinations_find(const struct sb_destinations *destinations,
                                              struct sb_address_words address) {
    uint64_t hash = sb_hash_address(&destinations->hash_key, address.word[0], address.word[1]);

    for (uint32_t i = destinations->buckets[hash & destinations->bucket_mask]; i != 0;) {
        const struct sb_watched *watched = &destinations->watched[i - 1];

        if (watched->address.word[0] == address.word[0] &&
            watched->address.word[1] == address.word[1])
            return watched;
        i = watched->next;
    }
    return NULL;
}

/* --- what is new -------------------------------------------------------------------------------
 */

/* Removes destinations from the list that had no packet for a second. */
static void advance_active(struct sb_destinations *destinations, uint64_t slot) {
    uint32_t kept = 0;

    for (uint32_t i = 0; i < destinations->active_count; i++) {
        const uint32_t index = destinations->active[i];
        struct sb_watched *watched = &destinations->watched[index];

        sb_history_advance(&watched->history, slot);
        watched->is_active = !sb_counts_is_zero(&watched->history.window);
        destinations->active[kept] = index;
        kept += watched->is_active;
    }
    destinations->active_count = kept;
}

static void collect_rows(struct sb_destinations *destinations, struct sb_watched_lcore *lcore,
                         uint64_t slot) {
    const uint32_t used = __atomic_load_n(&lcore->table->rows_used, __ATOMIC_ACQUIRE);

    for (uint32_t row = 0; row < used; row++) {
        struct sb_watched_row *known = &lcore->rows[row];
        struct sb_counts found;

        follow_owner(destinations, lcore, row);
        if (known->version == 0)
            continue;
        found = sb_counts_new(&known->seen, &lcore->table->rows[row]);
        if (!sb_counts_is_zero(&found)) {
            known->slot = slot;
            add(destinations, known->destination, &found, slot);
        }
        __atomic_store_n(&lcore->table->idle_version[row],
                         slot - known->slot >= SB_DESTINATION_IDLE_SLOTS ? known->version : 0,
                         __ATOMIC_RELAXED);
    }
}

/* Follows a row that has got another owner since the last collection. While the owner is being
 * changed, the old one stays until the next collection. */
static void follow_owner(struct sb_destinations *destinations, struct sb_watched_lcore *lcore,
                         uint32_t row) {
    const struct sb_traffic_owner *owner = &lcore->table->owners[row];
    struct sb_watched_row *known = &lcore->rows[row];
    const uint32_t version = __atomic_load_n(&owner->version, __ATOMIC_ACQUIRE);
    struct sb_address_words address;

    if (SB_LIKELY(version == known->version) || (version & 1) != 0)
        return;
    address.word[0] = __atomic_load_n(&owner->address.word[0], __ATOMIC_RELAXED);
    address.word[1] = __atomic_load_n(&owner->address.word[1], __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (__atomic_load_n(&owner->version, __ATOMIC_RELAXED) != version)
        return;
    if (known->version != 0)
        let_go(destinations, known->destination);
    known->version = version;
    known->destination = find_or_make(destinations, address);
    destinations->watched[known->destination].rows++;
}

/* There is always a free element: there are as many as rows, and each is used by at least one row.
 */
static uint32_t find_or_make(struct sb_destinations *destinations,
                             struct sb_address_words address) {
    const uint64_t hash =
        sb_hash_address(&destinations->hash_key, address.word[0], address.word[1]);
    uint32_t *bucket = &destinations->buckets[hash & destinations->bucket_mask];
    const struct sb_watched *found = sb_destinations_find(destinations, address);
    struct sb_watched *watched;
    uint32_t index;

    if (found != NULL)
        return (uint32_t)(found - destinations->watched);
    index = destinations->free;
    if (index == SB_DESTINATION_NONE)
        index = destinations->used++;
    else
        destinations->free = destinations->watched[index].next;
    watched = &destinations->watched[index];
    *watched = (struct sb_watched){
        .address = address, .next = *bucket, .profile = profile_of(destinations, address)};
    *bucket = index + 1;
    destinations->count++;
    return index;
}

static void let_go(struct sb_destinations *destinations, uint32_t index) {
    struct sb_watched *watched = &destinations->watched[index];

    if (--watched->rows != 0)
        return;
    unlink_watched(destinations, index);
    if (watched->is_active != 0) {
        uint32_t i = 0;

        while (destinations->active[i] != index)
            i++;
        destinations->active[i] = destinations->active[--destinations->active_count];
    }
    watched->next = destinations->free;
    destinations->free = index;
    destinations->count--;
}

static void unlink_watched(struct sb_destinations *destinations, uint32_t index) {
    struct sb_watched *watched = &destinations->watched[index];
    const uint64_t hash = sb_hash_address(&destinations->hash_key, watched->address.word[0],
                                          watched->address.word[1]);
    uint32_t *link = &destinations->buckets[hash & destinations->bucket_mask];

    while (*link != index + 1)
        link = &destinations->watched[*link - 1].next;
    *link = watched->next;
}

static void add(struct sb_destinations *destinations, uint32_t index, const struct sb_counts *found,
                uint64_t slot) {
    struct sb_watched *watched = &destinations->watched[index];

    if (watched->is_active == 0) {
        sb_history_advance(&watched->history, slot);
        watched->is_active = 1;
        destinations->active[destinations->active_count++] = index;
    }
    sb_history_add(&watched->history, found);
}

static void collect_overflow(struct sb_destinations *destinations, uint64_t slot) {
    for (uint32_t profile = 0; profile < SB_PROFILES_MAX; profile++) {
        struct sb_history *history = &destinations->overflow[profile];

        if (history->slot != 0)
            sb_history_advance(history, slot);
        for (uint32_t i = 0; i < destinations->lcore_count; i++) {
            struct sb_watched_lcore *lcore = &destinations->lcore[i];
            const struct sb_counts found =
                sb_counts_new(&lcore->overflow_seen[profile], &lcore->table->overflow[profile]);

            if (SB_LIKELY(sb_counts_is_zero(&found)))
                continue;
            history->slot = slot;
            sb_history_add(history, &found);
        }
    }
}

/* --- profiles ----------------------------------------------------------------------------------
 */

/* Selects the profiles again if the policy has changed. A new policy may have the address of the
 * old one, so this is also done from time to time. */
static void select_profiles(struct sb_destinations *destinations, uint64_t slot) {
    const uint64_t policy = __atomic_load_n(&destinations->node->policy, __ATOMIC_ACQUIRE);

    if (policy == destinations->policy && slot - destinations->selected_slot < SELECT_SLOTS)
        return;
    destinations->policy = policy;
    destinations->selected_slot = slot;
    for (uint32_t i = 0; i < destinations->active_count; i++) {
        struct sb_watched *watched = &destinations->watched[destinations->active[i]];

        watched->profile = profile_of(destinations, watched->address);
    }
}

static uint32_t profile_of(const struct sb_destinations *destinations,
                           struct sb_address_words address) {
    const struct sb_policy *policy =
        (const struct sb_policy *)(uintptr_t)destinations->node->policy;

    return policy == NULL ? 0 : sb_policy_select(policy, (const uint8_t *)&address);
}
