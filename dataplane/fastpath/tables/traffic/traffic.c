/* traffic.c: see traffic.h. */
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>

#include "tables/memory/memory.h"

enum {
    OVERFLOW_BYTES = SB_PROFILES_MAX * sizeof(struct sb_traffic_row),
    SAMPLES_BYTES = SB_SAMPLES_MAX * sizeof(struct sb_sample),
    LOOKED_AT = 8 /* rows, when searching an idle one */
};

_Static_assert(sizeof(struct sb_sample) == SB_CACHE_LINE, "one line per sample");
_Static_assert((SB_SAMPLES_MAX & (SB_SAMPLES_MAX - 1)) == 0, "the place is the cursor's low bits");
_Static_assert((SB_TRAFFIC_SEEN & (SB_TRAFFIC_SEEN - 1)) == 0, "the place is a hash's low bits");

static void make_key(struct sb_hash_key *key, const uint8_t bytes[16]);
static size_t sets_bytes(const struct sb_traffic_table *table);
static size_t rows_bytes(const struct sb_traffic_table *table);
static size_t owners_bytes(const struct sb_traffic_table *table);
static size_t idle_bytes(const struct sb_traffic_table *table);
static uint32_t free_way(const struct sb_traffic_table *table, const struct sb_traffic_set *set);
static bool is_idle(const struct sb_traffic_table *table, uint32_t row);
static uint32_t free_row(struct sb_traffic_table *table);
static void unlink_row(struct sb_traffic_table *table, uint32_t row);
static void give(struct sb_traffic_table *table, uint32_t row, struct sb_address_words address);

int sb_traffic_create(uint32_t rows_max, const uint8_t key[32], const uint16_t *reflectors,
                      uint32_t reflector_count, struct sb_traffic_table **out) {
    struct sb_traffic_table *table;
    uint32_t sets = 1;

    if (rows_max == 0 || rows_max > SB_DESTINATIONS_MAX)
        return -EINVAL;
    table = sb_memory_map_small(sizeof(*table));
    if (table == NULL)
        return -ENOMEM;
    while ((uint64_t)sets * SB_TRAFFIC_WAYS < (uint64_t)rows_max * SB_TRAFFIC_SETS_PER_ROW)
        sets *= 2;
    table->set_mask = sets - 1;
    table->rows_max = rows_max;
    table->countdown = 1;
    make_key(&table->hash_key, key);
    make_key(&table->source_key, key + 16);
    table->random = table->source_key.word[0] ^ table->hash_key.word[1];
    for (uint32_t i = 0; i < reflector_count; i++)
        table->reflectors[reflectors[i] / 64] |= 1ull << reflectors[i] % 64;
    table->sets = sb_memory_map_small(sets_bytes(table));
    table->rows = sb_memory_map_small(rows_bytes(table));
    table->overflow = sb_memory_map_small(OVERFLOW_BYTES);
    table->owners = sb_memory_map_small(owners_bytes(table));
    table->idle_version = sb_memory_map_small(idle_bytes(table));
    table->samples = sb_memory_map_small(SAMPLES_BYTES);
    if (table->sets == NULL || table->rows == NULL || table->overflow == NULL ||
        table->owners == NULL || table->idle_version == NULL || table->samples == NULL) {
        sb_traffic_destroy(table);
        return -ENOMEM;
    }
    *out = table;
    return 0;
}

void sb_traffic_destroy(struct sb_traffic_table *table) {
    if (table == NULL)
        return;
    sb_memory_unmap(table->sets, sets_bytes(table));
    sb_memory_unmap(table->rows, rows_bytes(table));
    sb_memory_unmap(table->overflow, OVERFLOW_BYTES);
    sb_memory_unmap(table->owners, owners_bytes(table));
    sb_memory_unmap(table->idle_version, idle_bytes(table));
    sb_memory_unmap(table->samples, SAMPLES_BYTES);
    sb_memory_unmap(table, sizeof(*table));
}

uint64_t sb_traffic_bytes(const struct sb_traffic_table *table) {
    return sizeof(*table) + sets_bytes(table) + rows_bytes(table) + OVERFLOW_BYTES +
           owners_bytes(table) + idle_bytes(table) + SAMPLES_BYTES;
}

/* Sets the low bit of each word: see sb_hash_address. */
static void make_key(struct sb_hash_key *key, const uint8_t bytes[16]) {
    memcpy(key, bytes, sizeof(*key));
    key->word[0] |= 1;
    key->word[1] |= 1;
}

static size_t sets_bytes(const struct sb_traffic_table *table) {
    return ((size_t)table->set_mask + 1) * sizeof(*table->sets);
}

static size_t rows_bytes(const struct sb_traffic_table *table) {
    return (size_t)table->rows_max * sizeof(*table->rows);
}

static size_t owners_bytes(const struct sb_traffic_table *table) {
    return (size_t)table->rows_max * sizeof(*table->owners);
}

static size_t idle_bytes(const struct sb_traffic_table *table) {
    return (size_t)table->rows_max * sizeof(*table->idle_version);
}

/* --- a place for a new destination ------------------------------------------------------------ */

__attribute__((noinline)) struct sb_traffic_row *sb_traffic_take(struct sb_traffic_table *table,
                                                                 struct sb_address_words address,
                                                                 uint64_t hash, uint32_t profile) {
    struct sb_traffic_set *set = &table->sets[hash & table->set_mask];
    uint32_t way = free_way(table, set), row;

    if (way == SB_TRAFFIC_WAYS)
        return &table->overflow[profile];
    row = set->row[way] != 0 ? set->row[way] - 1 : free_row(table);
    if (row == table->rows_max)
        return &table->overflow[profile];
    give(table, row, address);
    set->tag[way] = (uint32_t)(hash >> 32);
    set->row[way] = row + 1;
    return &table->rows[row];
}

/* A way without a row, else one whose row is idle, else SB_TRAFFIC_WAYS. */
static uint32_t free_way(const struct sb_traffic_table *table, const struct sb_traffic_set *set) {
    uint32_t idle = SB_TRAFFIC_WAYS;

    for (uint32_t way = 0; way < SB_TRAFFIC_WAYS; way++) {
        if (set->row[way] == 0)
            return way;
        if (is_idle(table, set->row[way] - 1))
            idle = way;
    }
    return idle;
}

static bool is_idle(const struct sb_traffic_table *table, uint32_t row) {
    return __atomic_load_n(&table->idle_version[row], __ATOMIC_RELAXED) ==
           table->owners[row].version;
}

/* A row that was never used, else an idle one among the next few, else rows_max. */
static uint32_t free_row(struct sb_traffic_table *table) {
    if (table->rows_used < table->rows_max)
        return table->rows_used;
    for (uint32_t i = 0; i < LOOKED_AT; i++) {
        uint32_t row = table->hand;

        table->hand = row + 1 == table->rows_max ? 0 : row + 1;
        if (is_idle(table, row)) {
            unlink_row(table, row);
            return row;
        }
    }
    return table->rows_max;
}

static void unlink_row(struct sb_traffic_table *table, uint32_t row) {
    uint64_t hash = sb_traffic_hash(table, table->owners[row].address);
    struct sb_traffic_set *set = &table->sets[hash & table->set_mask];

    for (uint32_t way = 0; way < SB_TRAFFIC_WAYS; way++)
        if (set->row[way] == row + 1)
            set->row[way] = 0;
}

/* Readers regard the address as valid if the version is even and does not change while they read.
 */
static void give(struct sb_traffic_table *table, uint32_t row, struct sb_address_words address) {
    struct sb_traffic_owner *owner = &table->owners[row];
    uint32_t version = owner->version;

    __atomic_store_n(&owner->version, version + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&owner->address.word[0], address.word[0], __ATOMIC_RELAXED);
    __atomic_store_n(&owner->address.word[1], address.word[1], __ATOMIC_RELAXED);
    __atomic_store_n(&owner->version, version + 2, __ATOMIC_RELEASE);
    if (row == table->rows_used)
        __atomic_store_n(&table->rows_used, row + 1, __ATOMIC_RELEASE);
}

/* --- the collector's side ----------------------------------------------------------------------
 */

void sb_traffic_capture(struct sb_traffic_table *table, uint32_t profile, uint32_t packets) {
    uint32_t is_capturing = 0;

    table->capture_until[profile] =
        __atomic_load_n(&table->captured[profile], __ATOMIC_RELAXED) + packets;
    for (uint32_t i = 0; i < SB_PROFILES_MAX; i++)
        is_capturing |= table->capture_until[i] != table->captured[i];
    __atomic_store_n(&table->is_capturing, is_capturing, __ATOMIC_RELEASE);
}

uint32_t sb_traffic_used(const struct sb_traffic_table *table) {
    return __atomic_load_n(&table->rows_used, __ATOMIC_ACQUIRE);
}

const uint64_t *sb_traffic_row(const struct sb_traffic_table *table, const uint8_t address[16]) {
    return (const uint64_t *)(const void *)sb_traffic_find(
        table, sb_traffic_hash(table, sb_address_words(address, 6)));
}

const uint64_t *sb_traffic_row_at(const struct sb_traffic_table *table, uint32_t row) {
    return &table->rows[row].bytes;
}

const uint64_t *sb_traffic_overflow(const struct sb_traffic_table *table, uint32_t profile) {
    return &table->overflow[profile].bytes;
}

uint64_t sb_traffic_samples(const struct sb_traffic_table *table) {
    return __atomic_load_n(&table->produced, __ATOMIC_ACQUIRE);
}

const struct sb_sample *sb_traffic_sample(const struct sb_traffic_table *table, uint64_t number) {
    return &table->samples[number & (SB_SAMPLES_MAX - 1)];
}
