/* limits_private.h: the token buckets, for the limits stage. */
#ifndef SB_LIMITS_PRIVATE_H
#define SB_LIMITS_PRIVATE_H

#include "buckets.h"
#include "limits_table.h"
#include "packet/address.h"
#include "tables/memory/hash.h"

/* Indices of the buckets of a whole profile: one for each unit, and one for ICMP. */
enum { SB_WHOLE_ICMP = SB_UNIT_COUNT, SB_WHOLE_STRIDE }; /* the others by unit */

struct sb_limits {
    struct sb_hash_key hash_key;
    struct sb_buckets table[SB_SCOPE_GLOBAL]; /* by scope */
    /* [profile][SB_WHOLE_STRIDE]: time it is full again */
    uint64_t *whole;
};

/* The bits of an address that a limit distinguishes. */
struct sb_limit_masks {
    uint64_t ipv4; /* of the mapped lower half */
    uint64_t hi, lo;
};

/* A mask of the first bits of 64; for 64 and more, all of them. */
static inline uint64_t sb_limit_first_bits(uint32_t bits) {
    return bits == 0 ? 0 : UINT64_MAX << (bits < 64 ? 64 - bits : 0);
}

static inline struct sb_limit_masks sb_limit_masks(const struct sb_limit *limit) {
    return (struct sb_limit_masks){
        .ipv4 = sb_limit_first_bits(32u + limit->bits_ipv4),
        .hi = sb_limit_first_bits(limit->bits_ipv6),
        .lo = limit->bits_ipv6 <= 64 ? 0 : sb_limit_first_bits(limit->bits_ipv6 - 64u)};
}

/* The hash of the source or destination whose bucket a packet pays from. */
static inline uint64_t sb_limit_hash(const struct sb_limits *limits, const struct sb_limit *limit,
                                     const struct sb_limit_masks *masks,
                                     const struct sb_packet *packet) {
    const uint8_t *bytes =
        limit->scope == SB_SCOPE_DESTINATION ? sb_protected_bytes(packet) : sb_client_bytes(packet);
    struct sb_address_key address = sb_address_read(bytes, packet->ip_version);

    /* For IPv4 the upper half is 0. */
    address.lo &= sb_address_is_ipv4(address) ? masks->ipv4 : masks->lo;
    address.hi &= masks->hi;
    return sb_hash_address(&limits->hash_key, address.hi ^ limit->salt, address.lo);
}

/* Nanoseconds with 16 fractional bits. */
static inline uint64_t sb_limits_now(const struct sb_node *node, const struct sb_time *now) {
    return (uint64_t)((unsigned __int128)now->tsc * node->ns_per_tsc_q24 >> 8);
}

static inline uint64_t *sb_limits_whole(const struct sb_limits *limits, uint32_t profile,
                                        const struct sb_limit *limit) {
    uint32_t kind = limit->icmp_only ? (uint32_t)SB_WHOLE_ICMP : limit->unit;

    return &limits->whole[(size_t)profile * SB_WHOLE_STRIDE + kind];
}

#endif
