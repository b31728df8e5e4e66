/* destinations.h: the protected addresses with traffic, summed over the rows of all lcores. */
#ifndef SB_DESTINATIONS_H
#define SB_DESTINATIONS_H

#include "counts.h"

enum {
    SB_DESTINATION_IDLE_SLOTS = 600, /* after a minute without a packet, its rows may be reused */
    SB_DESTINATION_NONE = 0xffffffff
};

struct sb_watched {
    struct sb_address_words address;
    uint32_t next;      /* the next in its bucket, or the next free one */
    uint32_t rows;      /* number of rows of lcores with this address */
    uint32_t profile;   /* according to the policy in force */
    uint32_t is_active; /* 1: in the list of those with traffic in the last second */
    struct sb_history history;
};

/* The collector's state of one row of an lcore. */
struct sb_watched_row {
    struct sb_counts seen;
    uint32_t version; /* version of the owner that destination belongs to; 0: none yet */
    uint32_t destination;
    uint64_t slot; /* time of its last traffic */
};

struct sb_watched_lcore {
    struct sb_traffic_table *table;
    uint64_t rows_max;
    struct sb_watched_row *rows;
    struct sb_counts *overflow_seen; /* by profile */
};

struct sb_destinations {
    const struct sb_node *node;
    struct sb_hash_key hash_key;
    uint64_t policy; /* the policy for which the profiles were selected */
    uint64_t selected_slot;
    uint32_t lcore_count;
    uint32_t max;
    uint32_t used; /* the others were never used */
    uint32_t free; /* the first free one */
    uint32_t bucket_mask;
    uint32_t active_count;
    uint32_t count;
    uint32_t *buckets; /* index of the first of each, + 1 */
    uint32_t *active;
    struct sb_watched *watched;
    struct sb_history *overflow; /* of destinations without a row, by profile */
    struct sb_watched_lcore lcore[SB_LCORES_MAX];
};

/* 0, -EINVAL (an lcore has no traffic table), -ENOMEM. */
int sb_destinations_create(struct sb_destinations *destinations, const uint64_t *lcores,
                           uint32_t lcore_count, const uint8_t key[16]);
void sb_destinations_free(struct sb_destinations *destinations);
uint64_t sb_destinations_bytes(const struct sb_destinations *destinations);

/* Adds what the lcores have counted since the last call. slot: tenths of a second since boot. */
void sb_destinations_collect(struct sb_destinations *destinations, uint64_t slot);

/* NULL: the address is not known. */
const struct sb_watched *sb_destinations_find(const struct sb_destinations *destinations,
                                              struct sb_address_words address);

#endif
