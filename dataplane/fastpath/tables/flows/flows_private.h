/* flows_private.h: the flow table, for the connections stage.
 *
 * A set has 16 places: one cache line of tags, then one line for each connection. A connection has
 * a preferred place in its home set and nearly always gets it, so a look-up reads one line. If
 * another connection has the preferred place, the tags tell where to look. If the home set is full,
 * a connection goes to one other set. The home set counts these strayed connections, so a look-up
 * reads the other set only if there are any.
 */
#ifndef SB_FLOWS_PRIVATE_H
#define SB_FLOWS_PRIVATE_H

#include <emmintrin.h>
#include <stdbool.h>

#include "flows.h"
#include "tables/memory/hash.h"

enum {
    SB_FLOW_WAYS = 16,
    SB_FLOW_FILLED = 11, /* used ways of a set, with connections_max connections */
    SB_FLOW_SEEN_DS = 5, /* the unit of sb_flow_tags.seen */
    SB_SOURCE_WAYS = 8
};

enum sb_flow_flag {
    SB_FLOW_OPENED_INSIDE = 1 << 0,
    SB_FLOW_STRAYED = 1 << 1, /* not in its home set */
    SB_FLOW_PROVEN = 1 << 2,
    SB_FLOW_LIBERAL = 1 << 3,  /* picked up: its windows are not known */
    SB_FLOW_ANSWERED = 1 << 6, /* << side: that side has acknowledged the other's SYN */
    SB_FLOW_DEFERRED = 1 << 8, /* an earlier packet of this burst is not handled yet */
    SB_FLOW_OPENING = 1 << 9,  /* the SYN proxy waits for the protected host */
    SB_FLOW_TRANSLATED = 1 << 10,
    SB_FLOW_TIMES = 1 << 11,        /* timestamps are translated too */
    SB_FLOW_OFFERS_TIMES = 1 << 12, /* the client's SYN offers timestamps */
    SB_FLOW_OFFERS_SACK = 1 << 13,
    SB_FLOW_OFFERS_SCALE = 1 << 14,
    SB_FLOW_OFFERS = SB_FLOW_OFFERS_TIMES | SB_FLOW_OFFERS_SACK | SB_FLOW_OFFERS_SCALE,
    SB_FLOW_INSPECTED = 1 << 15 /* has a record of HTTP inspection */
};

/* << side. The sequence number behind a FIN is its sender's final end. */
enum sb_flow_fin {
    SB_FLOW_FIN_SENT = 1 << 0,
    SB_FLOW_FIN_ACKED = 1 << 2, /* acknowledged by the other side */
    SB_FLOW_FINS_ACKED = SB_FLOW_FIN_ACKED << SB_PORT_OUTSIDE | SB_FLOW_FIN_ACKED << SB_PORT_INSIDE
};

/* The order in which connections are evicted for new ones. A proven connection is never evicted. */
enum sb_flow_rank {
    SB_FLOW_RANK_ENDED,
    SB_FLOW_RANK_ONE_WAY, /* evicted first, because its datagrams pass without a record */
    SB_FLOW_RANK_TWO_WAY,
    SB_FLOW_RANK_HALF_OPEN, /* only a SYN was seen; or picked up */
    SB_FLOW_RANK_ANSWERED,  /* the other side has answered the SYN */
    SB_FLOW_RANK_PROVEN,
    SB_FLOW_RANK_COUNT
};

/* The sequence numbers that one side may send: "Real Stateful TCP Packet Filtering in IP Filter"
 * (van Rooij, 2000). */
struct sb_flow_side {
    uint32_t end;    /* the highest sequence number that it has sent, + 1 */
    uint32_t limit;  /* the highest number that the other side permits */
    uint32_t window; /* the largest that it has announced, in bytes */
};

/* One connection: a cache line. IPv4: the key is the addresses and ports. IPv6: the key is 64 bits
 * of a keyed hash of both addresses, and the ports. Values that few connections need are in struct
 * sb_flow_record. */
struct sb_flow {
    uint64_t key[2];
    struct sb_flow_side side[SB_PORT_COUNT];
    uint32_t deadline_ds;
    uint32_t source;              /* index of the counter of its source, + 1; 0: not counted */
    uint16_t flags;               /* enum sb_flow_flag */
    uint8_t state;                /* enum sb_flow_state */
    uint8_t scale[SB_PORT_COUNT]; /* of windows (RFC 7323, 2) */
    uint8_t fins;                 /* enum sb_flow_fin */
    uint8_t rank;                 /* enum sb_flow_rank, also in sb_flow_tags.rank */
    uint8_t http_generation;      /* of the policy that decided about its inspection */
    uint32_t record;              /* index of its struct sb_flow_record; 0: none */
    /* INSPECTED: index of its struct sb_http_record. Else: sequence number of the client's first
     * byte, if the client has opened the connection and its SYN was seen. */
    uint32_t http;
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_flow) == SB_CACHE_LINE, "64 bytes per connection, and 4 of tags");

/* Values that only a connection of the SYN proxy needs. */
struct sb_flow_record {
    uint32_t next;    /* of a free record: index of the next free one; 0: none */
    uint32_t opening; /* SB_FLOW_OPENING: index of its struct sb_opening */
    /* SB_FLOW_TRANSLATED: the host's number as the client sees it, minus the host's own. */
    uint32_t sequence_delta;
    uint32_t time_delta;     /* SB_FLOW_TIMES: the same for timestamps */
    uint8_t announced_scale; /* window scale of the host, as told to the client */
    uint8_t reserved[15];
} __attribute__((aligned(SB_CACHE_LINE / 2)));

_Static_assert(sizeof(struct sb_flow_record) == SB_CACHE_LINE / 2, "two records to a line");

struct sb_flow_tags {
    uint16_t tag[SB_FLOW_WAYS];
    /* When a connection that can be evicted was last seen, in SB_FLOW_SEEN_DS modulo 256. */
    uint8_t seen[SB_FLOW_WAYS];
    uint16_t used;                     /* bit w: way w is used */
    uint16_t strayed;                  /* connections of this home set in other sets */
    uint16_t rank[SB_FLOW_RANK_COUNT]; /* bit w: way w has the rank */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_flow_tags) == SB_CACHE_LINE, "one line of tags");

/* 17 lines, so that the first connections of all sets use all sets of the processor's cache. */
struct sb_flow_set {
    struct sb_flow_tags tags;
    struct sb_flow flow[SB_FLOW_WAYS];
};

/* The profiles that have opened the connections of a set: half a cache line, used when a connection
 * begins or ends. */
struct sb_flow_owners {
    uint16_t profile[SB_FLOW_WAYS];
} __attribute__((aligned(SB_CACHE_LINE / 2)));

/* See flow_shares.h. */
struct sb_flow_shares {
    uint32_t generation; /* of the policy with these shares */
    bool are_in_force;   /* any profile has a share */
    uint32_t all_used;   /* number of all connections */
    uint32_t all_left;   /* sum of the unused parts of all shares */
    uint32_t used[SB_PROFILES_MAX];
    uint32_t kept[SB_PROFILES_MAX]; /* the share, in connections */
};

/* The numbers of proven connections of some sources. */
struct sb_source_set {
    uint32_t tag[SB_SOURCE_WAYS];
    uint32_t count[SB_SOURCE_WAYS]; /* 0: free */
} __attribute__((aligned(SB_CACHE_LINE)));

struct sb_flows {
    struct sb_flow_set *sets;
    uint32_t set_count;
    uint32_t source_mask;
    struct sb_hash_key hash_key, address_key[3];
    struct sb_source_set *sources;
    struct sb_flow_record *records; /* one for each place; index 0 is not used */
    uint32_t record_free;           /* index of the first returned one; 0: none */
    uint32_t record_fresh;          /* index of the first that was never used */
    struct sb_connection_stats *stats;
    uint64_t *of_profile;          /* published copy of shares.used */
    struct sb_flow_owners *owners; /* by set */
    uint32_t connections_max;
    struct sb_flow_timeouts timeouts;
    uint32_t sweep_next; /* set */
    uint32_t sweep_due;  /* sets */
    uint32_t sweep_ds;
    struct sb_http *http; /* notified of ended connections; NULL: nobody is */
    struct sb_flow_shares shares;
};

static inline uint64_t sb_flow_hash(const struct sb_flows *flows, const uint64_t key[2]) {
    return sb_hash_address(&flows->hash_key, key[0], key[1]);
}

static inline struct sb_flow_set *sb_flow_home(const struct sb_flows *flows, uint64_t hash) {
    return &flows->sets[(hash & UINT32_MAX) * flows->set_count >> 32];
}

/* Prefetches the owners of the home set, for a connection that probably begins. */
static inline void sb_flow_ask_for_owners(const struct sb_flows *flows, uint64_t hash) {
    __builtin_prefetch(&flows->owners[(hash & UINT32_MAX) * flows->set_count >> 32], 1);
}

static inline uint32_t sb_flow_preferred_way(uint64_t hash) {
    return (uint32_t)(hash >> 44) % SB_FLOW_WAYS;
}

static inline uint32_t sb_flow_tag(uint64_t hash) {
    return (uint32_t)(hash >> 48);
}

/* The ways of a set with this tag. */
static inline uint32_t sb_flow_ways(const struct sb_flow_tags *set, uint32_t tag) {
    const __m128i *tags = (const __m128i *)(const void *)set->tag;
    __m128i wanted = _mm_set1_epi16((short)tag);
    __m128i same = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(tags), wanted),
                                   _mm_cmpeq_epi16(_mm_load_si128(tags + 1), wanted));

    return (uint32_t)_mm_movemask_epi8(same) & set->used;
}

/* True: according to the tags of its home set, there is no connection with this hash. */
static inline bool sb_flow_is_unknown(const struct sb_flows *flows, uint64_t hash) {
    const struct sb_flow_tags *tags = &sb_flow_home(flows, hash)->tags;

    return tags->strayed == 0 && sb_flow_ways(tags, sb_flow_tag(hash)) == 0;
}

/* A hash of 64 bits for the two addresses of an IPv6 connection. */
static inline uint64_t sb_flow_fold(const struct sb_flows *flows, const uint64_t client[2],
                                    const uint64_t protected_address[2]) {
    const struct sb_hash_key *key = flows->address_key;
    uint64_t one = sb_hash_fold(client[0] ^ key[0].word[0], client[1] ^ key[0].word[1]);
    uint64_t other =
        sb_hash_fold(protected_address[0] ^ key[1].word[0], protected_address[1] ^ key[1].word[1]);

    return sb_hash_fold(one ^ key[2].word[0], other ^ key[2].word[1]);
}

static inline bool sb_flow_is(const struct sb_flow *flow, const uint64_t key[2]) {
    return flow->key[0] == key[0] && flow->key[1] == key[1];
}

/* The record of a connection that has one. */
static inline struct sb_flow_record *sb_flow_record(const struct sb_flows *flows,
                                                    const struct sb_flow *flow) {
    return &flows->records[flow->record];
}

static inline bool sb_flow_is_over(const struct sb_flow *flow, uint32_t boot_ds) {
    return (int32_t)(flow->deadline_ds - boot_ds) <= 0;
}

/* The connection with a key. NULL: there is none, or it had expired and is now ended. */
struct sb_flow *sb_flow_find(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t boot_ds);
/* Adds a connection of a profile. Its key must not be in the table. All fields but the key are
 * zero. NULL: no place. */
struct sb_flow *sb_flow_open(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t profile, uint32_t boot_ds);
/* Whether a new connection of a profile gets a place only by replacing one of its own. */
bool sb_flow_share_is_used_up(const struct sb_flows *flows, uint32_t profile);
void sb_flow_end(struct sb_flows *flows, struct sb_flow *flow);
/* Gives a record, all zero, to a connection that has none. There are as many records as places. */
struct sb_flow_record *sb_flow_add_record(struct sb_flows *flows, struct sb_flow *flow);
/* Records that an unproven connection was seen, and sets its rank by its state. */
void sb_flow_mark_seen(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds);
/* Marks a connection as proven: it keeps its place. source: a hash; the connection counts for it
 * until it is retired or ended. */
void sb_flow_prove(struct sb_flows *flows, struct sb_flow *flow, uint64_t source);
/* For a connection that its hosts have ended: it is evicted first and does not count for its source
 * any more. Its record stays for packets that may still arrive. */
void sb_flow_retire(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds);
/* Takes over the shares of a policy: count elements, by profile, in units of 1/65,536 of
 * connections_max. NULL: no shares. */
void sb_flows_share(struct sb_flows *flows, const uint32_t *share_q16, uint32_t count,
                    uint32_t generation);
/* The number of proven connections of a source. */
uint32_t sb_flow_source_count(const struct sb_flows *flows, uint64_t source);

/* Restarts the timeout of the connection's state, and records when it was seen. */
static inline void sb_flow_touch(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds) {
    flow->deadline_ds = boot_ds + flows->timeouts.ds[flow->state];
    if (flow->rank < SB_FLOW_RANK_PROVEN)
        sb_flow_mark_seen(flows, flow, boot_ds);
}

#endif
