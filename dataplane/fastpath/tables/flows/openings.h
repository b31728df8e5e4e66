/* openings.h: see tables/flows/syn_proxy_table.h. */
#ifndef SB_OPENINGS_H
#define SB_OPENINGS_H

#include <stdbool.h>

#include "flows_private.h"
#include "packet/address.h"
#include "syn_proxy_table.h"
#include "tables/memory/hash.h"

enum { SB_DESTINATION_SETS = 1024, SB_DESTINATION_WAYS = 4, SB_DESTINATION_OLD_DS = 20 };
enum { SB_HOST_SETS = 2048, SB_HOST_WAYS = 4, SB_NO_OPENING = UINT32_MAX };
enum { SB_ALLOWANCES = 256, SB_SHARES = 4096 };

enum sb_host_flag {
    /* A client has offered window scaling, so the host's answer shows whether the host supports it.
     */
    SB_HOST_KNOWS_SCALE = 1 << 0,
    SB_HOST_KNOWS_TIMES = 1 << 1,
    SB_HOST_TIMES = 1 << 2,
    SB_HOST_SACK = 1 << 3
};

/* The options with which a protected address and port has answered SYNs. */
struct sb_host_options {
    uint32_t tag;
    uint16_t mss; /* 0: not known */
    uint8_t scale;
    uint8_t flags;                   /* enum sb_host_flag */
    uint8_t lifetime, traffic_class; /* of its packets: see struct sb_tcp_header */
    uint8_t reserved[2];
    uint32_t ask_ds; /* the time of the next test, if an option is missing */
};

struct sb_host_set {
    struct sb_host_options way[SB_HOST_WAYS];
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_host_set) == SB_CACHE_LINE, "four protected ports to a line");

/* Counts the passed SYNs of all addresses and ports with the same hash. */
struct sb_allowance {
    uint32_t window_ds; /* when the current window began */
    uint32_t passed;
};

/* A connection to a protected host that has not answered yet, of a proven client. */
struct sb_opening {
    struct sb_flow *flow; /* NULL: free, and next is the next free one */
    uint32_t next;
    uint32_t retry_ds; /* when the SYN is repeated, or the opening given up */
    uint32_t client_isn;
    uint32_t cookie; /* the host's initial sequence number that the client knows */
    uint32_t client_time;
    uint32_t time_told; /* timestamp in the SYN-ACK with the cookie */
    uint16_t mss;       /* of the client */
    uint16_t window;    /* of the client, as in a SYN */
    uint8_t scale;      /* of the client; SB_TCP_NO_SCALE: none */
    uint8_t announced_scale;
    bool has_times, has_sack;
    uint16_t source, destination;       /* indices of its counters */
    uint8_t tries;                      /* repeated SYNs */
    uint8_t held_count;                 /* at least 1: the acknowledgment with the cookie */
    struct sb_packet held[SB_HELD_MAX]; /* in the order of arrival */
};

/* The SYNs to a protected address, or to all of a profile, in the current second. */
struct sb_destination {
    struct sb_address_words address; /* all zero: a whole profile */
    uint32_t window_ds;              /* when the second began; 0: free */
    uint32_t syns;
    uint32_t syns_before; /* in the second before */
    uint32_t completed;
    uint32_t on_until_ds;
    uint32_t is_on; /* 1: the start was reported as an event */
    uint16_t profile;
    uint8_t reserved[22];
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_destination) == SB_CACHE_LINE, "a line for each destination");

struct sb_syn_proxy_table {
    struct sb_destination *destinations;
    struct sb_destination *profiles; /* by index */
    uint32_t on_count, scan_next;
    struct sb_opening *openings;
    struct sb_host_set *hosts;
    struct sb_hash_key hash_key;
    uint32_t openings_max, held_max;
    uint32_t used;
    uint32_t free; /* index of the first; SB_NO_OPENING: none */
    uint32_t held;
    uint32_t tick_next, tick_ds;
    uint32_t answered_ds;          /* time of the last answer to a SYN; 0: never */
    uint32_t of_source[SB_SHARES]; /* by a hash; sources with the same hash share a counter */
    uint32_t of_destination[SB_SHARES];
    struct sb_allowance asked[SB_ALLOWANCES]; /* for ports that have never answered */
    /* for addresses that get SYNs only they can answer */
    struct sb_allowance unanswerable[SB_ALLOWANCES];
};

static inline uint32_t sb_openings_left(const struct sb_syn_proxy_table *table) {
    return table->openings_max - table->used;
}

/* Whether there is room for one more packet of an opening. Room for the first packet of each free
 * opening stays reserved. */
static inline bool sb_openings_may_hold(const struct sb_syn_proxy_table *table) {
    return table->held + sb_openings_left(table) < table->held_max;
}

/* The index of the counter of a source's or protected address's openings. */
static inline uint32_t sb_share_of_hash(uint64_t hash) {
    return hash % SB_SHARES;
}
uint32_t sb_share_of_address(const struct sb_syn_proxy_table *table,
                             struct sb_address_words address);

/* Takes a free opening and counts it. NULL: none is free. */
struct sb_opening *sb_opening_take(struct sb_syn_proxy_table *table, uint32_t source,
                                   uint32_t destination);
void sb_opening_free(struct sb_syn_proxy_table *table, struct sb_opening *opening);

/* The options of a protected address and port. NULL: not known. */
struct sb_host_options *sb_host_find(struct sb_syn_proxy_table *table,
                                     struct sb_address_words address, uint32_t port);
/* As sb_host_find, but makes an entry if there is none, which may replace another one. */
struct sb_host_options *sb_host_learn(struct sb_syn_proxy_table *table,
                                      struct sb_address_words address, uint32_t port,
                                      uint32_t boot_ds);

/* The allowance of a protected address and port. Different ones with the same hash share it. */
struct sb_allowance *sb_allowance_of(const struct sb_syn_proxy_table *table,
                                     struct sb_allowance allowances[SB_ALLOWANCES],
                                     struct sb_address_words address, uint32_t port);

/* The counters of a protected address. NULL: it has none. */
struct sb_destination *sb_destination_find(const struct sb_syn_proxy_table *table,
                                           struct sb_address_words address);
/* As sb_destination_find, but makes an entry if there is none. It replaces the one with the fewest
 * SYNs, but never one with the SYN proxy on. NULL: there is no place. */
struct sb_destination *sb_destination_make(struct sb_syn_proxy_table *table,
                                           struct sb_address_words address, uint16_t profile,
                                           uint32_t boot_ds);

#endif
