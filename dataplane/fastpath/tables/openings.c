#include "openings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

static uint64_t hash_of(const struct sb_syn_proxy_table *table, struct sb_address_words address,
                        uint32_t port);

static size_t openings_bytes(const struct sb_syn_proxy_table *table) {
    return table->openings_max * sizeof(struct sb_opening);
}

enum {
    HOSTS_BYTES = SB_HOST_SETS * sizeof(struct sb_host_set),
    DESTINATIONS_BYTES = SB_DESTINATION_SETS * SB_DESTINATION_WAYS * sizeof(struct sb_destination)
};

int sb_syn_proxy_create(uint32_t openings_max, uint32_t held_max, const uint8_t hash_key[16],
                        struct sb_syn_proxy_table **out) {
    struct sb_syn_proxy_table *table;

    if (openings_max == 0 || openings_max > SB_OPENINGS_MAX || held_max == 0)
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
    if (table->openings == NULL || table->hosts == NULL || table->destinations == NULL) {
        sb_syn_proxy_destroy(table);
        return -ENOMEM;
    }
    table->free = SB_NO_OPENING;
    for (uint32_t i = openings_max; i-- > 0;)
        sb_opening_free(table, &table->openings[i]);
    *out = table;
    return 0;
}

void sb_syn_proxy_destroy(struct sb_syn_proxy_table *table) {
    if (table == NULL)
        return;
    sb_memory_unmap(table->openings, openings_bytes(table));
    sb_memory_unmap(table->hosts, HOSTS_BYTES);
    sb_memory_unmap(table->destinations, DESTINATIONS_BYTES);
    free(table);
}

uint64_t sb_syn_proxy_bytes(const struct sb_syn_proxy_table *table) {
    return openings_bytes(table) + HOSTS_BYTES + DESTINATIONS_BYTES;
}

struct sb_opening *sb_opening_take(struct sb_syn_proxy_table *table) {
    struct sb_opening *opening;

    if (table->free == SB_NO_OPENING)
        return NULL;
    opening = &table->openings[table->free];
    table->free = opening->next;
    return opening;
}

void sb_opening_free(struct sb_syn_proxy_table *table, struct sb_opening *opening) {
    opening->flow = NULL;
    opening->next = table->free;
    table->free = (uint32_t)(opening - table->openings);
}

static uint64_t hash_of(const struct sb_syn_proxy_table *table, struct sb_address_words address,
                        uint32_t port) {
    return sb_hash_address(&table->hash_key, address.word[0] ^ port, address.word[1]);
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

/* Protected ports are few: another one gives way only where more than eight share a set. */
struct sb_host_options *sb_host_learn(struct sb_syn_proxy_table *table,
                                      struct sb_address_words address, uint32_t port) {
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
    set->way[way] = (struct sb_host_options){.tag = (uint32_t)(hash >> 32)};
    return &set->way[way];
}

struct sb_destination *sb_destination_find(struct sb_syn_proxy_table *table,
                                           struct sb_address_words address, uint32_t boot_ds) {
    uint64_t hash = hash_of(table, address, 0);
    uint64_t first = hash % SB_DESTINATION_SETS * SB_DESTINATION_WAYS;
    struct sb_destination *set = table->destinations + first, *found = set;

    for (uint32_t way = 0; way < SB_DESTINATION_WAYS; way++) {
        if (set[way].window_ds != 0 && set[way].address.word[0] == address.word[0] &&
            set[way].address.word[1] == address.word[1])
            return &set[way];
        if (set[way].window_ds < found->window_ds)
            found = &set[way];
    }
    table->on_count -= found->is_on;
    *found = (struct sb_destination){.address = address, .window_ds = boot_ds};
    return found;
}
