#include "addresses.h"

#include <errno.h>
#include <string.h>

#include "tables/memory/memory.h"

/* The state word of an entry. Live: the generation is in the lower 28 bits; otherwise the next
 * entry of its chain. The list stays readable during the grace period. */
enum { STATE_LIVE = 1 << 30, STATE_MASK = (1 << 28) - 1, CHAIN_END = STATE_MASK };

/* The minimum of spare entries: a bulk load replaces some hundred entries at once, while no grace
 * period ends. */
enum { SPARE_MIN = 4096 };

/* The place of a key: pointers into a bucket or the stash. */
struct place {
    uint16_t *tag;
    uint32_t *entry;
    uint16_t away; /* its part in the home's counter away: 0, 1 or SB_AWAY_STASH */
};

static const struct sb_address_chain empty_chain = {CHAIN_END, CHAIN_END};

static uint32_t bucket_count(uint32_t capacity);
static uint64_t hash_of(const struct sb_addresses *table, uint64_t hi, uint64_t lo);
static struct place find_place(const struct sb_addresses *table, uint64_t hash, uint64_t hi,
                               uint64_t lo, uint32_t list);
static struct place free_place(const struct sb_addresses *table, uint64_t hash);
static uint32_t take_entry(struct sb_addresses *table);

int sb_addresses_init(struct sb_addresses *table, uint32_t capacity, const uint8_t hash_key[16],
                      const struct sb_readers *readers) {
    uint32_t buckets = bucket_count(capacity);

    memset(table, 0, sizeof(*table));
    memcpy(&table->hash_key, hash_key, sizeof(table->hash_key));
    for (int i = 0; i < 2; i++)
        table->hash_key.word[i] |= 1; /* hash.h */
    table->readers = readers;
    table->capacity = capacity;
    table->entry_count = capacity + (capacity >> SB_ADDRESS_SLACK_SHIFT) + SPARE_MIN;
    table->bucket_mask = buckets - 1;
    table->free = table->waiting = table->removed = empty_chain;
    table->tags = sb_memory_map(buckets * sizeof(*table->tags));
    table->slots = sb_memory_map(buckets * sizeof(*table->slots));
    table->entries = sb_memory_map(table->entry_count * sizeof(*table->entries));
    if (table->tags != NULL && table->slots != NULL && table->entries != NULL)
        return 0;
    sb_addresses_fini(table);
    return -ENOMEM;
}

void sb_addresses_fini(struct sb_addresses *table) {
    size_t buckets = (size_t)table->bucket_mask + 1;

    sb_memory_unmap(table->tags, buckets * sizeof(*table->tags));
    sb_memory_unmap(table->slots, buckets * sizeof(*table->slots));
    sb_memory_unmap(table->entries, table->entry_count * sizeof(*table->entries));
}

uint64_t sb_addresses_bytes(const struct sb_addresses *table) {
    uint64_t buckets = (uint64_t)table->bucket_mask + 1;

    return buckets * (sizeof(*table->tags) + sizeof(*table->slots)) +
           (uint64_t)table->entry_count * sizeof(*table->entries);
}

static uint32_t bucket_count(uint32_t capacity) {
    uint32_t count = 1;

    while ((uint64_t)count * SB_ADDRESS_BUCKET_LOAD < capacity)
        count *= 2;
    return count;
}

static uint64_t hash_of(const struct sb_addresses *table, uint64_t hi, uint64_t lo) {
    return sb_hash_address(&table->hash_key, hi, lo);
}

/* --- finding ---------------------------------------------------------------------------------- */

uint32_t sb_addresses_find(const struct sb_addresses *table, uint64_t hi, uint64_t lo,
                           uint32_t list) {
    struct place place = find_place(table, hash_of(table, hi, lo), hi, lo, list);

    return place.tag == NULL ? SB_ADDRESS_NONE : *place.entry;
}

void sb_addresses_prefetch(const struct sb_addresses *table, uint64_t hi, uint64_t lo) {
    uint32_t home = sb_address_home(table->bucket_mask, hash_of(table, hi, lo));

    __builtin_prefetch(&table->tags[home], 1);
    __builtin_prefetch(&table->slots[home], 1);
}

static bool is_entry(const struct sb_addresses *table, uint32_t index, uint64_t hi, uint64_t lo,
                     uint32_t list) {
    const struct sb_address *entry = &table->entries[index];

    return entry->hi == hi && entry->lo == lo && sb_address_list(entry) == list;
}

static struct place find_in_bucket(const struct sb_addresses *table, uint32_t bucket, uint16_t tag,
                                   uint64_t hi, uint64_t lo, uint32_t list) {
    struct sb_address_tags *tags = &table->tags[bucket];
    struct sb_address_slots *slots = &table->slots[bucket];

    for (uint32_t match = sb_address_tags_match(tags, tag); match != 0; match &= match - 1) {
        uint32_t slot = (uint32_t)__builtin_ctz(match);

        if (is_entry(table, slots->entry[slot], hi, lo, list))
            return (struct place){&tags->tag[slot], &slots->entry[slot], 0};
    }
    return (struct place){0};
}

static struct place find_in_stash(const struct sb_addresses *table, uint16_t tag, uint64_t hi,
                                  uint64_t lo, uint32_t list) {
    struct sb_address_stash *stash = (struct sb_address_stash *)&table->stash;

    for (uint32_t i = 0; i < SB_ADDRESS_STASH; i++)
        if (stash->tag[i] == tag && is_entry(table, stash->entry[i], hi, lo, list))
            return (struct place){&stash->tag[i], &stash->entry[i], SB_AWAY_STASH};
    return (struct place){0};
}

static struct place find_place(const struct sb_addresses *table, uint64_t hash, uint64_t hi,
                               uint64_t lo, uint32_t list) {
    uint32_t high = sb_address_high(hash), home = sb_address_home(table->bucket_mask, hash);
    uint16_t tag = sb_address_tag(high);
    uint32_t away = table->tags[home].away;
    struct place place = find_in_bucket(table, home, tag, hi, lo, list);

    if (place.tag == NULL && sb_away_second(away) != 0) {
        place = find_in_bucket(table, sb_address_second(table, high, home), tag, hi, lo, list);
        place.away = place.tag != NULL;
    }
    if (place.tag == NULL && sb_away_stash(away) != 0)
        place = find_in_stash(table, tag, hi, lo, list);
    return place;
}

/* --- adding and removing ---------------------------------------------------------------------- */

int sb_addresses_add(struct sb_addresses *table, const struct sb_address *entry, uint32_t list,
                     uint32_t generation) {
    uint64_t hash = hash_of(table, entry->hi, entry->lo);
    struct place place = free_place(table, hash);
    uint16_t *away = &table->tags[sb_address_home(table->bucket_mask, hash)].away;
    uint32_t index;
    struct sb_address *own;

    if (place.tag == NULL || table->used >= table->capacity)
        return -ENOSPC;
    index = take_entry(table);
    if (index == SB_ADDRESS_NONE)
        return -ENOSPC;
    own = &table->entries[index];
    *own = *entry;
    own->state = list << SB_ADDRESS_LIST_SHIFT | STATE_LIVE | (generation & STATE_MASK);
    __atomic_store_n(away, (uint16_t)(*away + place.away), __ATOMIC_RELAXED);
    __atomic_store_n(place.entry, index, __ATOMIC_RELEASE);
    __atomic_store_n(place.tag, sb_address_tag(sb_address_high(hash)), __ATOMIC_RELEASE);
    table->used++;
    return 0;
}

static struct place free_in_bucket(const struct sb_addresses *table, uint32_t bucket) {
    uint32_t match = sb_address_tags_match(&table->tags[bucket], 0);
    uint32_t slot = (uint32_t)__builtin_ctz(match | 1u << SB_ADDRESS_BUCKET_SLOTS);

    if (match == 0)
        return (struct place){0};
    return (struct place){&table->tags[bucket].tag[slot], &table->slots[bucket].entry[slot], 0};
}

static struct place free_place(const struct sb_addresses *table, uint64_t hash) {
    uint32_t home = sb_address_home(table->bucket_mask, hash);
    uint32_t second = sb_address_second(table, sb_address_high(hash), home);
    struct sb_address_stash *stash = (struct sb_address_stash *)&table->stash;
    uint32_t away = table->tags[home].away;
    struct place place = free_in_bucket(table, home);

    if (place.tag != NULL)
        return place;
    if (second != home && sb_away_second(away) < SB_AWAY_SECOND_MAX)
        place = free_in_bucket(table, second);
    if (place.tag != NULL) {
        place.away = 1;
        return place;
    }
    for (uint32_t i = 0; i < SB_ADDRESS_STASH && sb_away_stash(away) < SB_AWAY_STASH_MAX; i++)
        if (stash->tag[i] == 0)
            return (struct place){&stash->tag[i], &stash->entry[i], SB_AWAY_STASH};
    return place;
}

void sb_addresses_remove(struct sb_addresses *table, uint32_t index) {
    struct sb_address *entry = &table->entries[index];
    uint32_t list = sb_address_list(entry);
    uint64_t hash = hash_of(table, entry->hi, entry->lo);
    struct place place = find_place(table, hash, entry->hi, entry->lo, list);
    uint16_t *away = &table->tags[sb_address_home(table->bucket_mask, hash)].away;
    struct sb_address_chain *removed = &table->removed;

    __atomic_store_n(place.tag, 0, __ATOMIC_RELEASE);
    __atomic_store_n(away, (uint16_t)(*away - place.away), __ATOMIC_RELAXED);
    entry->state = list << SB_ADDRESS_LIST_SHIFT | removed->head;
    if (removed->head == CHAIN_END)
        removed->tail = index;
    removed->head = index;
    table->used--;
}

void sb_addresses_renew(struct sb_addresses *table, uint32_t index, uint32_t deadline_ds,
                        uint32_t generation) {
    struct sb_address *entry = &table->entries[index];

    __atomic_store_n(&entry->deadline_ds, deadline_ds, __ATOMIC_RELAXED);
    entry->state = (entry->state & ~(uint32_t)STATE_MASK) | (generation & STATE_MASK);
}

bool sb_address_live(const struct sb_address *entry) {
    return (entry->state & STATE_LIVE) != 0;
}

uint32_t sb_address_generation(const struct sb_address *entry) {
    return entry->state & STATE_MASK;
}

/* --- entries: fresh, free, live, removed, waiting, free ... ----------------------------------- */

static void set_next(struct sb_address *entry, uint32_t next) {
    entry->state = (entry->state & ~(uint32_t)STATE_MASK) | next;
}

static void splice(struct sb_addresses *table, struct sb_address_chain *to,
                   struct sb_address_chain *from) {
    if (from->head == CHAIN_END)
        return;
    set_next(&table->entries[from->tail], to->head);
    if (to->head == CHAIN_END)
        to->tail = from->tail;
    to->head = from->head;
    *from = empty_chain;
}

void sb_addresses_reclaim(struct sb_addresses *table) {
    /* Twice: without readers, entries removed since the last grace period began may be free at
     * once. */
    for (int i = 0; i < 2; i++) {
        if (table->waiting.head != CHAIN_END && sb_grace_over(&table->grace, table->readers))
            splice(table, &table->free, &table->waiting);
        if (table->waiting.head == CHAIN_END && table->removed.head != CHAIN_END) {
            splice(table, &table->waiting, &table->removed);
            sb_grace_begin(&table->grace, table->readers);
        }
    }
}

static uint32_t take_entry(struct sb_addresses *table) {
    uint32_t index = table->free.head;

    if (index == CHAIN_END) {
        sb_addresses_reclaim(table);
        index = table->free.head;
    }
    if (index != CHAIN_END) {
        table->free.head = table->entries[index].state & STATE_MASK;
        return index;
    }
    return table->fresh < table->entry_count ? table->fresh++ : SB_ADDRESS_NONE;
}
