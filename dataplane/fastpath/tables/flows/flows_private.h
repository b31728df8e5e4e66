/* flows_private.h: the flow table as the connections stage sees it.
 *
 * Sets of 16 places: a line of tags, then a line for each connection. Each has a preferred place in
 * its home set and nearly always gets it, so that a look-up reads one line; if another has it, the
 * tags say where to look. What finds its home set full goes to one other, and the home counts how
 * many have strayed, so that no reader looks there in vain.
 */
#ifndef SB_FLOWS_PRIVATE_H
#define SB_FLOWS_PRIVATE_H

#include <emmintrin.h>
#include <stdbool.h>

#include "flows.h"
#include "tables/memory/hash.h"

enum {
    SB_FLOW_WAYS = 16,
    SB_FLOW_FILLED = 11, /* of the ways of a set, when connections_max are there */
    SB_FLOW_SEEN_DS = 5, /* the unit of sb_flow_set.seen */
    SB_SOURCE_WAYS = 8
};

enum sb_flow_flag {
    SB_FLOW_OPENED_INSIDE = 1 << 0,
    SB_FLOW_STRAYED = 1 << 1, /* not in its home set */
    SB_FLOW_PROVEN = 1 << 2,
    SB_FLOW_LIBERAL = 1 << 3,  /* met in its midst: windows are not known */
    SB_FLOW_ANSWERED = 1 << 6, /* << side: it has acknowledged the other's SYN */
    SB_FLOW_DEFERRED = 1 << 8, /* a packet of this burst waits for its turn, so all behind it do */
    SB_FLOW_OPENING = 1 << 9,  /* the SYN proxy waits for the protected host */
    SB_FLOW_TRANSLATED = 1 << 10,
    SB_FLOW_TIMES = 1 << 11,        /* timestamps too */
    SB_FLOW_OFFERS_TIMES = 1 << 12, /* the client's SYN does */
    SB_FLOW_OFFERS_SACK = 1 << 13,
    SB_FLOW_OFFERS_SCALE = 1 << 14,
    SB_FLOW_OFFERS = SB_FLOW_OFFERS_TIMES | SB_FLOW_OFFERS_SACK | SB_FLOW_OFFERS_SCALE,
    SB_FLOW_INSPECTED = 1 << 15 /* has a record of HTTP inspection */
};

/* << side. The sequence number behind a FIN is its sender's end, and nothing moves it any more. */
enum sb_flow_fin {
    SB_FLOW_FIN_SENT = 1 << 0,
    SB_FLOW_FIN_ACKED = 1 << 2, /* by the other side */
    SB_FLOW_FINS_ACKED = SB_FLOW_FIN_ACKED << SB_PORT_OUTSIDE | SB_FLOW_FIN_ACKED << SB_PORT_INSIDE
};

/* Who gives way to a newcomer, first to last. The last never does. */
enum sb_flow_rank {
    SB_FLOW_RANK_ENDED,
    SB_FLOW_RANK_ONE_WAY, /* without it datagrams pass all the same */
    SB_FLOW_RANK_TWO_WAY,
    SB_FLOW_RANK_HALF_OPEN, /* a SYN; or met in its midst */
    SB_FLOW_RANK_ANSWERED,  /* a SYN that the other side has answered */
    SB_FLOW_RANK_PROVEN,
    SB_FLOW_RANK_COUNT
};

/* What one side may send: "Real Stateful TCP Packet Filtering in IP Filter" (van Rooij, 2000). */
struct sb_flow_side {
    uint32_t end;    /* the highest sequence number that it has sent, + 1 */
    uint32_t limit;  /* how far the other side has let it send */
    uint32_t window; /* the largest that it has offered, in bytes */
};

/* One connection; a cache line. IPv4: the key is the addresses and ports themselves. IPv6: 64 bits
 * of a keyed hash stand for the two addresses, the ports for themselves. What few connections need
 * stands in their record. */
struct sb_flow {
    uint64_t key[2];
    struct sb_flow_side side[SB_PORT_COUNT];
    uint32_t deadline_ds;
    uint32_t source;              /* where its source is counted, + 1; 0: nowhere */
    uint16_t flags;               /* enum sb_flow_flag */
    uint8_t state;                /* enum sb_flow_state */
    uint8_t scale[SB_PORT_COUNT]; /* of windows (RFC 7323, 2) */
    uint8_t fins;                 /* enum sb_flow_fin */
    uint8_t rank;                 /* enum sb_flow_rank, as its set says too */
    uint8_t http_generation;      /* of the policy that said whether it is inspected */
    uint32_t record;              /* index of its struct sb_flow_record; 0: it has none */
    uint32_t http; /* INSPECTED: index of its struct sb_http_record; else the number of the first
                      byte of the client that has opened it, if its SYN was seen */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_flow) == SB_CACHE_LINE, "64 bytes per connection, and 4 of tags");

/* What a connection that the SYN proxy opens needs beside its line. */
struct sb_flow_record {
    uint32_t next;    /* of one that is free: index of the next that is, 0: none */
    uint32_t opening; /* SB_FLOW_OPENING: index of its opening */
    uint32_t
        sequence_delta;  /* SB_FLOW_TRANSLATED: what the client sees, less what the host sends */
    uint32_t time_delta; /* SB_FLOW_TIMES: the same of timestamps */
    uint8_t announced_scale; /* to the client, of the protected host's windows */
    uint8_t reserved[15];
} __attribute__((aligned(SB_CACHE_LINE / 2)));

_Static_assert(sizeof(struct sb_flow_record) == SB_CACHE_LINE / 2, "two records to a line");

struct sb_flow_tags {
    uint16_t tag[SB_FLOW_WAYS];
    uint8_t seen[SB_FLOW_WAYS]; /* when one that may give way last was, in SB_FLOW_SEEN_DS modulo
                                   256 */
    uint16_t used;              /* bit w: way w holds one */
    uint16_t strayed;           /* whose home it is, and who are elsewhere */
    uint16_t rank[SB_FLOW_RANK_COUNT]; /* bit w: the one in way w has it */
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert(sizeof(struct sb_flow_tags) == SB_CACHE_LINE, "one line of tags");

/* 17 lines: the first connections of all sets spread over all sets of a processor's cache. */
struct sb_flow_set {
    struct sb_flow_tags tags;
    struct sb_flow flow[SB_FLOW_WAYS];
};

/* Which profile has opened the connections of a set; half a line, read and written when one begins
 * or ends. */
struct sb_flow_owners {
    uint16_t profile[SB_FLOW_WAYS];
} __attribute__((aligned(SB_CACHE_LINE / 2)));

/* See flow_shares.h. */
struct sb_flow_shares {
    uint32_t generation; /* of the policy that they are of */
    bool are_in_force;   /* some profile has one */
    uint32_t all_used;   /* connections there are */
    uint32_t all_left;   /* what of the shares is not in use */
    uint32_t used[SB_PROFILES_MAX];
    uint32_t kept[SB_PROFILES_MAX]; /* the share, in connections */
};

/* How many proven connections sources have. */
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
    struct sb_flow_record *records; /* one for each place, and index 0, which is not used */
    uint32_t record_free;           /* index of the first that was given back; 0: none */
    uint32_t record_fresh;          /* of the first that was never used */
    struct sb_connection_stats *stats;
    uint64_t *of_profile;          /* what is published of shares.used */
    struct sb_flow_owners *owners; /* by set */
    uint32_t connections_max;
    struct sb_flow_timeouts timeouts;
    uint32_t sweep_next; /* set */
    uint32_t sweep_due;  /* sets */
    uint32_t sweep_ds;
    struct sb_http *http; /* is told about ended connections; NULL: not told */
    struct sb_flow_shares shares;
};

static inline uint64_t sb_flow_hash(const struct sb_flows *flows, const uint64_t key[2]) {
    return sb_hash_address(&flows->hash_key, key[0], key[1]);
}

static inline struct sb_flow_set *sb_flow_home(const struct sb_flows *flows, uint64_t hash) {
    return &flows->sets[(hash & UINT32_MAX) * flows->set_count >> 32];
}

/* For a connection that probably begins. */
static inline void sb_flow_ask_for_owners(const struct sb_flows *flows, uint64_t hash) {
    __builtin_prefetch(&flows->owners[(hash & UINT32_MAX) * flows->set_count >> 32], 1);
}

static inline uint32_t sb_flow_preferred_way(uint64_t hash) {
    return (uint32_t)(hash >> 44) % SB_FLOW_WAYS;
}

static inline uint32_t sb_flow_tag(uint64_t hash) {
    return (uint32_t)(hash >> 48);
}

/* The ways of a set that have the tag. */
static inline uint32_t sb_flow_ways(const struct sb_flow_tags *set, uint32_t tag) {
    const __m128i *tags = (const __m128i *)(const void *)set->tag;
    __m128i wanted = _mm_set1_epi16((short)tag);
    __m128i same = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(tags), wanted),
                                   _mm_cmpeq_epi16(_mm_load_si128(tags + 1), wanted));

    return (uint32_t)_mm_movemask_epi8(same) & set->used;
}

/* Whether the tags of its home say that there is no connection of a hash. */
static inline bool sb_flow_is_unknown(const struct sb_flows *flows, uint64_t hash) {
    const struct sb_flow_tags *tags = &sb_flow_home(flows, hash)->tags;

    return tags->strayed == 0 && sb_flow_ways(tags, sb_flow_tag(hash)) == 0;
}

/* 64 bits for the two addresses of an IPv6 connection. */
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

/* That of a connection which has one. */
static inline struct sb_flow_record *sb_flow_record(const struct sb_flows *flows,
                                                    const struct sb_flow *flow) {
    return &flows->records[flow->record];
}

static inline bool sb_flow_is_over(const struct sb_flow *flow, uint32_t boot_ds) {
    return (int32_t)(flow->deadline_ds - boot_ds) <= 0;
}

/* The connection of a key; NULL: there is none, or it was over and is now ended. */
struct sb_flow *sb_flow_find(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t boot_ds);
/* A new one of a profile, all zero but for its key; there is none of that key. NULL: no place. */
struct sb_flow *sb_flow_open(struct sb_flows *flows, const uint64_t key[2], uint64_t hash,
                             uint32_t profile, uint32_t boot_ds);
/* Whether a new connection of a profile finds a place only where one of its own gives way. */
bool sb_flow_share_is_used_up(const struct sb_flows *flows, uint32_t profile);
void sb_flow_end(struct sb_flows *flows, struct sb_flow *flow);
/* Gives a connection that has none a record, all zero: there are as many as places. */
struct sb_flow_record *sb_flow_add_record(struct sb_flows *flows, struct sb_flow *flow);
/* One that may give way was seen; its state says who does before it. */
void sb_flow_mark_seen(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds);
/* From now on it keeps its place. source: a hash; counted for it until it is retired or ended. */
void sb_flow_prove(struct sb_flows *flows, struct sb_flow *flow, uint64_t source);
/* Its hosts are through with it: the first to give way from now on, and no longer its source's. It
 * is there for what may still come. */
void sb_flow_retire(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds);
/* Takes over the shares of another policy: by profile, count of them, in parts of 65,536 of
 * connections_max; NULL: there are none. */
void sb_flows_share(struct sb_flows *flows, const uint32_t *share_q16, uint32_t count,
                    uint32_t generation);
/* How many proven connections a source has. */
uint32_t sb_flow_source_count(const struct sb_flows *flows, uint64_t source);

/* Takes its state's time from now; remembers when it was seen. */
static inline void sb_flow_touch(struct sb_flows *flows, struct sb_flow *flow, uint32_t boot_ds) {
    flow->deadline_ds = boot_ds + flows->timeouts.ds[flow->state];
    if (flow->rank < SB_FLOW_RANK_PROVEN)
        sb_flow_mark_seen(flows, flow, boot_ds);
}

#endif
