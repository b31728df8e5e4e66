#include "openings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/memory/memory.h"

static uint64_t hash_of(const struct sb_syn_proxy_table *table, struct sb_address_words address,
                        uint32_t port);
static void put_free(struct sb_syn_proxy_table *table, struct sb_opening *opening);

static size_t openings_bytes(const struct sb_syn_proxy_table *table) {
    return table->openings_max * sizeof(struct sb_opening);
}

enum {
    HOSTS_BYTES = SB_HOST_SETS * sizeof(struct sb_host_set),
    DESTINATIONS_BYTES = SB_DESTINATION_SETS * SB_DESTINATION_WAYS * sizeof(struct sb_destination),
    PROFILES_BYTES = SB_PROFILES_MAX * sizeof(struct sb_destination)
};

int sb_syn_proxy_create(uint32_t openings_max, uint32_t held_max, const uint8_t hash_key[16],
                        struct sb_syn_proxy_table **out) {
    struct sb_syn_proxy_table *table;

    if (openings_max == 0 || openings_max > SB_OPENINGS_MAX || held_max < openings_max)
        return -EINVAL;
    table = calloc(1, sizeof(*table));
    if (table == NULL)
        return -ENOMEM;
    table->openings_max = openings_max;
    table->held_max = held_max;
    memcpy(&table->hash_key, hash_key, sizeof(table->hash_key));
    table->hash_key.word[0] |= 1;
    table->hash_key.word[1] |= 1;
    table->openings = sb_memory_map_small(openings_bytes(table));
    table->hosts = sb_memory_map_small(HOSTS_BYTES);
    table->destinations = sb_memory_map_small(DESTINATIONS_BYTES);
    table->profiles = sb_memory_map_small(PROFILES_BYTES);
    if (table->openings == NULL || table->hosts == NULL || table->destinations == NULL ||
        table->profiles == NULL) {
        sb_syn_proxy_destroy(table);
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < SB_PROFILES_MAX; i++)
        table->profiles[i].profile = (uint16_t)i;
    table->free = SB_NO_OPENING;
    for (uint32_t i = openings_max; i-- > 0;)
        put_free(table, &table->openings[i]);
    *out = table;
    return 0;
}

void sb_syn_proxy_destroy(struct sb_syn_proxy_table *table) {
    if (table == NULL)
        return;
    sb_memory_unmap(table->openings, openings_bytes(table));
    sb_memory_unmap(table->hosts, HOSTS_BYTES);
    sb_memory_unmap(table->destinations, DESTINATIONS_BYTES);
    sb_memory_unmap(table->profiles, PROFILES_BYTES);
    free(table);
}

uint64_t sb_syn_proxy_bytes(const struct sb_syn_proxy_table *table) {
    return openings_bytes(table) + HOSTS_BYTES + DESTINATIONS_BYTES + PROFILES_BYTES;
}

static void note_protected(const struct sb_destination *destination, struct sb_protected *out) {
    memcpy(out->address, &destination->address, sizeof(out->address));
    out->profile = destination->profile;
}

uint32_t sb_syn_proxy_protected(const struct sb_syn_proxy_table *table, struct sb_protected *out,
                                uint32_t max) {
    uint32_t count = 0;

    if (__atomic_load_n(&table->on_count, __ATOMIC_RELAXED) == 0)
        return 0;
    for (uint32_t i = 0; i < SB_PROFILES_MAX; i++) {
        if (__atomic_load_n(&table->profiles[i].is_on, __ATOMIC_RELAXED) == 0)
            continue;
        if (count < max)
            out[count] = (struct sb_protected){.profile = i};
        count++;
    }
    for (uint32_t i = 0; i < SB_DESTINATION_SETS * SB_DESTINATION_WAYS; i++) {
        if (__atomic_load_n(&table->destinations[i].is_on, __ATOMIC_RELAXED) == 0)
            continue;
        if (count < max)
            note_protected(&table->destinations[i], &out[count]);
        count++;
    }
    return count;
}

struct sb_opening *sb_opening_take(struct sb_syn_proxy_table *table, uint32_t source,
                                   uint32_t destination) {
    struct sb_opening *opening;

    if (table->free == SB_NO_OPENING)
        return NULL;
    opening = &table->openings[table->free];
    table->free = opening->next;
    table->used++;
    table->of_source[source]++;
    table->of_destination[destination]++;
    opening->source = (uint16_t)source;
    opening->destination = (uint16_t)destination;
    return opening;
}

void sb_opening_free(struct sb_syn_proxy_table *table, struct sb_opening *opening) {
    table->used--;
    table->of_source[opening->source]--;
    table->of_destination[opening->destination]--;
    put_free(table, opening);
}

static void put_free(struct sb_syn_proxy_table *table, struct sb_opening *opening) {
    opening->flow = NULL;
    opening->next = table->free;
    table->free = (uint32_t)(opening - table->openings);
}

static uint64_t hash_of(const struct sb_syn_proxy_table *table, struct sb_address_words address,
                        uint32_t port) {
    return sb_hash_address(&table->hash_key, address.word[0] ^ port, address.word[1]);
}

uint32_t sb_share_of_address(const struct sb_syn_proxy_table *table,
                             struct sb_address_words address) {
    return sb_share_of_hash(hash_of(table, address, 0));
}

struct sb_host_options *sb_host_find(struct sb_syn_proxy_table *table,
                                     struct sb_address_words address, uint32_t port) {
    uint64_t hash = hash_of(table, address, port);
    struct sb_host_set *set = &table->hosts[hash % SB_HOST_SETS];

    for (uint32_t way = 0; way < SB_HOST_WAYS; way++)
        if (set->way[way].mss != 0 && set->way[way].tag == (uint32_t)(hash >> 32))
            return &set->way[way];
    return NULL;
}

/* There are few protected ports: an entry is replaced only if more than four share a set. */
struct sb_host_options *sb_host_learn(struct sb_syn_proxy_table *table,
                                      struct sb_address_words address, uint32_t port,
                                      uint32_t boot_ds) {
    struct sb_host_options *host = sb_host_find(table, address, port);
    uint64_t hash = hash_of(table, address, port);
    struct sb_host_set *set = &table->hosts[hash % SB_HOST_SETS];
    uint32_t way = 0;

    if (host != NULL)
        return host;
    while (way < SB_HOST_WAYS && set->way[way].mss != 0)
        way++;
    if (way == SB_HOST_WAYS)
        way = (uint32_t)(hash >> 32) % SB_HOST_WAYS;
    set->way[way] = (struct sb_host_options){.tag = (uint32_t)(hash >> 32), .ask_ds = boot_ds};
    return &set->way[way];
}

struct sb_allowance *sb_allowance_of(const struct sb_syn_proxy_table *table,
                                     struct sb_allowance allowances[SB_ALLOWANCES],
                                     struct sb_address_words address, uint32_t port) {
    return &allowances[hash_of(table, address, port) % SB_ALLOWANCES];
}

static struct sb_destination *set_of(const struct sb_syn_proxy_table *table,
                                     struct sb_address_words address) {
    return table->destinations +
           hash_of(table, address, 0) % SB_DESTINATION_SETS * SB_DESTINATION_WAYS;
}

struct sb_destination *sb_destination_find(const struct sb_syn_proxy_table *table,
                                           struct sb_address_words address) {
    struct sb_destination *set = set_of(table, address);

    for (uint32_t way = 0; way < SB_DESTINATION_WAYS; way++)
        if (set[way].window_ds != 0 && set[way].address.word[0] == address.word[0] &&
            set[way].address.word[1] == address.word[1])
            return &set[way];
    return NULL;
}

/* The destination with the least weight is replaced first. */
static uint32_t weight_of(const struct sb_destination *destination, uint32_t boot_ds) {
    bool is_old = boot_ds - destination->window_ds >= SB_DESTINATION_OLD_DS;

    return destination->window_ds == 0 || is_old ? 0 : destination->syns + destination->syns_before;
}

struct sb_destination *sb_destination_make(struct sb_syn_proxy_table *table,
                                           struct sb_address_words address, uint16_t profile,
                                           uint32_t boot_ds) {
    struct sb_destination *found = sb_destination_find(table, address), *set;

    if (found != NULL)
        return found;
    set = set_of(table, address);
    for (uint32_t way = 0; way < SB_DESTINATION_WAYS; way++)
        if (set[way].is_on == 0 &&
            (found == NULL || weight_of(&set[way], boot_ds) < weight_of(found, boot_ds)))
            found = &set[way];
    if (found != NULL)
        *found =
            (struct sb_destination){.address = address, .profile = profile, .window_ds = boot_ds};
    return found;
}
