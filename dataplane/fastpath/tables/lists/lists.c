#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lists_private.h"

enum {
    CAPACITY_MAX = 1 << 27,
    PREFETCH_AHEAD = 8 /* records */
};

/* A decoded record. */
struct item {
    /* As prefixes.h needs it; single addresses use hi, lo, deadline and list. */
    struct sb_prefix entry;
    struct sb_prefixes *prefixes; /* NULL: a single address */
};

static uint32_t put(struct sb_lists *lists, struct sb_list_record *records, uint32_t count,
                    bool keep);
static int put_one(struct sb_lists *lists, const struct item *item, bool keep);
static bool decode(struct sb_lists *lists, const struct sb_list_record *record, struct item *item);
static bool make_room(struct sb_lists *lists);

int sb_lists_create(uint32_t addresses_max, uint32_t prefixes_max, uint32_t lcores,
                    const uint8_t hash_key[16], const struct sb_readers *readers,
                    struct sb_lists **out) {
    struct sb_lists *lists;
    int error;

    if (addresses_max == 0 || addresses_max > CAPACITY_MAX || prefixes_max == 0 ||
        prefixes_max > CAPACITY_MAX || lcores == 0 || lcores > SB_LCORES_MAX)
        return -EINVAL;
    lists = aligned_alloc(SB_CACHE_LINE,
                          (sizeof(*lists) + SB_CACHE_LINE - 1) & ~(size_t)(SB_CACHE_LINE - 1));
    if (lists == NULL)
        return -ENOMEM;
    memset(lists, 0, sizeof(*lists));
    error = sb_addresses_init(&lists->addresses, addresses_max, hash_key, readers);
    if (error != 0)
        goto free_lists;
    error =
        sb_prefixes_init(&lists->prefixes[SB_FAMILY_IPV4], prefixes_max, lcores, false, readers);
    if (error != 0)
        goto fini_addresses;
    error = sb_prefixes_init(&lists->prefixes[SB_FAMILY_IPV6], prefixes_max, lcores, true, readers);
    if (error != 0)
        goto fini_ipv4;
    *out = lists;
    return 0;

fini_ipv4:
    sb_prefixes_fini(&lists->prefixes[SB_FAMILY_IPV4]);
fini_addresses:
    sb_addresses_fini(&lists->addresses);
free_lists:
    free(lists);
    return error;
}

void sb_lists_destroy(struct sb_lists *lists) {
    if (lists == NULL)
        return;
    sb_prefixes_fini(&lists->prefixes[SB_FAMILY_IPV6]);
    sb_prefixes_fini(&lists->prefixes[SB_FAMILY_IPV4]);
    sb_addresses_fini(&lists->addresses);
    free(lists);
}

/* --- records ---------------------------------------------------------------------------------- */

static uint64_t load_half(const uint8_t *bytes) {
    uint64_t half;

    memcpy(&half, bytes, sizeof(half));
    return __builtin_bswap64(half);
}

/* False: invalid prefix length or list, or bits are set beyond the prefix length. */
static bool decode(struct sb_lists *lists, const struct sb_list_record *record, struct item *item) {
    uint64_t hi = load_half(record->key), lo = load_half(record->key + 8);
    unsigned __int128 key = (unsigned __int128)hi << 64 | lo;
    uint8_t length = record->prefix_length;
    bool is_ipv4 = sb_address_is_ipv4((struct sb_address_key){hi, lo}) && length >= 96;

    if (length > 128 || record->list >= SB_LIST_COUNT || (length < 128 && key << length != 0))
        return false;
    item->prefixes = NULL;
    item->entry = (struct sb_prefix){.hi = hi,
                                     .lo = lo,
                                     .deadline_ds = record->deadline_ds,
                                     .generation = lists->generation,
                                     .length = length,
                                     .list = record->list};
    if (length == 128)
        return true;
    item->prefixes = &lists->prefixes[is_ipv4 ? SB_FAMILY_IPV4 : SB_FAMILY_IPV6];
    if (is_ipv4) {
        item->entry.hi = lo << 32;
        item->entry.lo = 0;
        item->entry.length = (uint8_t)(length - 96);
    }
    return true;
}

static void prefetch(const struct sb_lists *lists, const struct sb_list_record *record) {
    sb_addresses_prefetch(&lists->addresses, load_half(record->key), load_half(record->key + 8));
}

/* --- put, remove, get ------------------------------------------------------------------------- */

uint32_t sb_lists_put(struct sb_lists *lists, struct sb_list_record *records, uint32_t count) {
    return put(lists, records, count, false);
}

uint32_t sb_lists_put_new(struct sb_lists *lists, struct sb_list_record *records, uint32_t count,
                          uint32_t boot_ds) {
    lists->boot_ds = boot_ds;
    return put(lists, records, count, true);
}

static uint32_t put(struct sb_lists *lists, struct sb_list_record *records, uint32_t count,
                    bool keep) {
    uint32_t failed = 0;
    struct item item;

    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch(lists, &records[i + PREFETCH_AHEAD]);
        records[i].result =
            decode(lists, &records[i], &item) ? (int16_t)put_one(lists, &item, keep) : -EINVAL;
        failed += records[i].result < 0;
    }
    return failed;
}

static int add(struct sb_lists *lists, const struct item *item) {
    const struct sb_prefix *entry = &item->entry;
    struct sb_address address = {
        .hi = entry->hi, .lo = entry->lo, .deadline_ds = entry->deadline_ds};

    if (item->prefixes != NULL)
        return sb_prefixes_add(item->prefixes, entry);
    return sb_addresses_add(&lists->addresses, &address, entry->list, entry->generation);
}

static int put_new_entry(struct sb_lists *lists, const struct item *item) {
    int error = add(lists, item);

    if (error == -ENOSPC && make_room(lists))
        error = add(lists, item);
    return error;
}

static int put_address(struct sb_lists *lists, const struct item *item, bool keep) {
    const struct sb_prefix *entry = &item->entry;
    struct sb_addresses *table = &lists->addresses;
    uint32_t index = sb_addresses_find(table, entry->hi, entry->lo, entry->list);
    struct sb_address *old;

    if (index == SB_ADDRESS_NONE)
        return put_new_entry(lists, item);
    old = &table->entries[index];
    if (sb_deadline_over(old->deadline_ds, lists->boot_ds)) {
        sb_addresses_remove(table, index); /* the new entry begins without hits */
        return put_new_entry(lists, item);
    }
    sb_addresses_renew(table, index, keep ? old->deadline_ds : entry->deadline_ds,
                       entry->generation);
    return 1;
}

static int put_prefix(struct sb_lists *lists, const struct item *item, bool keep) {
    const struct sb_prefix *entry = &item->entry;
    struct sb_prefixes *prefixes = item->prefixes;
    uint32_t index = sb_prefixes_find(prefixes, entry->hi, entry->lo, entry->length, entry->list);
    struct sb_prefix *old;

    if (index == SB_PREFIX_NONE)
        return put_new_entry(lists, item);
    old = &prefixes->entries[index];
    if (sb_deadline_over(old->deadline_ds, lists->boot_ds)) {
        sb_prefixes_remove(prefixes, index, true);
        return put_new_entry(lists, item);
    }
    if (!keep)
        __atomic_store_n(&old->deadline_ds, entry->deadline_ds, __ATOMIC_RELAXED);
    old->generation = entry->generation;
    return 1;
}

static int put_one(struct sb_lists *lists, const struct item *item, bool keep) {
    return item->prefixes == NULL ? put_address(lists, item, keep) : put_prefix(lists, item, keep);
}

/* For a full table: frees expired entries, at most once per tick, so that a series of failed
 * additions costs one search. */
static bool make_room(struct sb_lists *lists) {
    if (lists->reclaimed_ds == lists->boot_ds)
        return false;
    lists->reclaimed_ds = lists->boot_ds;
    return sb_lists_expire(lists, lists->boot_ds, UINT32_MAX) > 0;
}

static int remove_one(struct sb_lists *lists, const struct item *item) {
    const struct sb_prefix *entry = &item->entry;
    uint32_t index;

    if (item->prefixes == NULL) {
        index = sb_addresses_find(&lists->addresses, entry->hi, entry->lo, entry->list);
        if (index != SB_ADDRESS_NONE)
            sb_addresses_remove(&lists->addresses, index);
        return index != SB_ADDRESS_NONE;
    }
    index = sb_prefixes_find(item->prefixes, entry->hi, entry->lo, entry->length, entry->list);
    if (index != SB_PREFIX_NONE)
        sb_prefixes_remove(item->prefixes, index, false);
    return index != SB_PREFIX_NONE;
}

uint32_t sb_lists_remove(struct sb_lists *lists, struct sb_list_record *records, uint32_t count) {
    uint32_t removed = 0;
    struct item item;

    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_AHEAD < count)
            prefetch(lists, &records[i + PREFETCH_AHEAD]);
        records[i].result =
            decode(lists, &records[i], &item) ? (int16_t)remove_one(lists, &item) : -EINVAL;
        removed += records[i].result == 1;
    }
    /* The grace period begins now, not when room is needed. */
    sb_addresses_reclaim(&lists->addresses);
    return removed;
}

void sb_lists_get(const struct sb_lists *lists, const struct sb_list_record *record,
                  struct sb_list_entry *out) {
    struct item item;
    uint32_t index;

    *out = (struct sb_list_entry){0};
    if (!decode((struct sb_lists *)lists, record, &item))
        return;
    if (item.prefixes == NULL) {
        index = sb_addresses_find(&lists->addresses, item.entry.hi, item.entry.lo, item.entry.list);
        if (index == SB_ADDRESS_NONE)
            return;
        out->deadline_ds = lists->addresses.entries[index].deadline_ds;
        out->hits = __atomic_load_n(&lists->addresses.entries[index].hits, __ATOMIC_RELAXED);
    } else {
        index = sb_prefixes_find(item.prefixes, item.entry.hi, item.entry.lo, item.entry.length,
                                 item.entry.list);
        if (index == SB_PREFIX_NONE)
            return;
        out->deadline_ds = item.prefixes->entries[index].deadline_ds;
        out->hits = sb_prefixes_hits(item.prefixes, index);
    }
    out->found = 1;
}

int sb_lists_commit(struct sb_lists *lists) {
    int ipv4 = sb_prefixes_commit(&lists->prefixes[SB_FAMILY_IPV4]);
    int ipv6 = sb_prefixes_commit(&lists->prefixes[SB_FAMILY_IPV6]);

    return ipv4 != 0 ? ipv4 : ipv6;
}

void sb_lists_usage(const struct sb_lists *lists, struct sb_lists_usage *out) {
    const struct sb_prefixes *ipv4 = &lists->prefixes[SB_FAMILY_IPV4],
                             *ipv6 = &lists->prefixes[SB_FAMILY_IPV6];

    *out = (struct sb_lists_usage){.addresses_max = lists->addresses.capacity,
                                   .addresses_used = lists->addresses.used,
                                   .prefixes_max = ipv4->capacity,
                                   .prefixes_used_ipv4 = ipv4->used,
                                   .prefixes_used_ipv6 = ipv6->used,
                                   .bytes = sb_addresses_bytes(&lists->addresses) +
                                            sb_prefixes_bytes(ipv4) + sb_prefixes_bytes(ipv6)};
}
