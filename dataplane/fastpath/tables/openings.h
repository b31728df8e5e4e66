/* openings.h: see include/syn_proxy.h. */
#ifndef SB_OPENINGS_H
#define SB_OPENINGS_H

#include <stdbool.h>

#include "flows_private.h"
#include "hash.h"
#include "packet.h"
#include "syn_proxy.h"

enum { SB_DESTINATION_SETS = 1024, SB_DESTINATION_WAYS = 4 };
enum { SB_HOST_SETS = 1024, SB_HOST_WAYS = 8, SB_NO_OPENING = UINT32_MAX };

enum sb_host_flag {
    SB_HOST_KNOWS_SCALE = 1 << 0, /* somebody has offered it, so the answer says something */
    SB_HOST_KNOWS_TIMES = 1 << 1,
    SB_HOST_TIMES = 1 << 2,
    SB_HOST_SACK = 1 << 3
};

/* What a protected address and port has answered SYNs with. */
struct sb_host_options {
    uint32_t tag;
    uint16_t mss; /* 0: nothing is known */
    uint8_t scale;
    uint8_t flags; /* enum sb_host_flag */
};

struct sb_host_set {
    struct sb_host_options way[SB_HOST_WAYS];
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_host_set) == SB_CACHE_LINE, "eight protected ports to a line");

/* A connection whose client has proven itself, and whose protected host has not answered yet. */
struct sb_opening {
    struct sb_flow *flow; /* NULL: free, next is the next one that is */
    uint32_t next;
    uint32_t retry_ds; /* when the SYN is sent again, or all is given up */
    uint32_t client_isn;
    uint32_t cookie; /* the initial sequence number that the client knows */
    uint32_t client_time;
    uint32_t time_told; /* to the client, with the cookie */
    uint16_t mss;       /* of the client */
    uint16_t window;    /* of the client, as in a SYN */
    uint8_t scale;      /* of the client; SB_TCP_NO_SCALE: none */
    uint8_t announced_scale;
    bool has_times, has_sack;
    uint8_t tries;
    uint8_t held_count;                 /* at least 1: the acknowledgment with the cookie */
    struct sb_packet held[SB_HELD_MAX]; /* in their order */
};

/* How a protected address is sent SYNs, in the second that runs. */
struct sb_destination {
    struct sb_address_words address;
    uint32_t window_ds; /* when it began; 0: free */
    uint32_t syns;
    uint32_t completed;
    uint32_t on_until_ds;
    uint32_t is_on; /* 1: a notice has said so */
    uint32_t syn_rate;
    uint8_t reserved[24];
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_destination) == SB_CACHE_LINE, "a line for each destination");

struct sb_syn_proxy_table {
    struct sb_destination *destinations;
    uint32_t on_count, scan_next;
    struct sb_opening *openings;
    struct sb_host_set *hosts;
    struct sb_hash_key hash_key;
    uint32_t openings_max, held_max;
    uint32_t free; /* index of the first; SB_NO_OPENING: none */
    uint32_t held;
    uint32_t tick_next, tick_ds;
    uint32_t answered_ds; /* when a SYN was last answered; 0: never */
    uint32_t asked_ds;    /* when one was last let through to learn from its answer; 0: never */
};

/* A free one, or NULL. */
struct sb_opening *sb_opening_take(struct sb_syn_proxy_table *table);
void sb_opening_free(struct sb_syn_proxy_table *table, struct sb_opening *opening);

/* What is known of a protected address and port; NULL: nothing. */
struct sb_host_options *sb_host_find(struct sb_syn_proxy_table *table,
                                     struct sb_address_words address, uint32_t port);
/* The same, made if there is none: in the place of another one. */
struct sb_host_options *sb_host_learn(struct sb_syn_proxy_table *table,
                                      struct sb_address_words address, uint32_t port);

/* That of a protected address, made if there is none: in the place of the one that was sent a SYN
 * longest ago. */
struct sb_destination *sb_destination_find(struct sb_syn_proxy_table *table,
                                           struct sb_address_words address, uint32_t boot_ds);

#endif
