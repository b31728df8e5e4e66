/* syn_cookie.h: SYN cookies (RFC 4987, 3.6): the client returns what the node does not store.
 *
 * The initial sequence number of an answer is 28 bits of SipHash over both addresses and ports, the
 * client's initial sequence number, the time slot and the index of the MSS, followed by one bit of
 * the slot and the index. A cookie is valid in its slot and in the next one. A node accepts cookies
 * of other nodes that have the same secrets and the right time.
 *
 * The other options of the client are in the low bits of the timestamp that the answer carries and
 * the client echoes (RFC 7323).
 */
#ifndef SB_SYN_COOKIE_H
#define SB_SYN_COOKIE_H

#include "packet/address.h"
#include "tables/memory/siphash.h"

enum {
    SB_COOKIE_MSS_BITS = 3,
    SB_COOKIE_NONE = -1,
    SB_COOKIE_WORDS_IPV4 = 3,
    SB_COOKIE_WORDS = 6,
    SB_COOKIE_TIME_BITS = 10,
    SB_COOKIE_TIME = 1 << SB_COOKIE_TIME_BITS, /* milliseconds */
    SB_COOKIE_NO_SCALE = 15
};

static inline uint32_t sb_cookie_mss(uint32_t index) {
    static const uint16_t mss[1 << SB_COOKIE_MSS_BITS] = {536,  1220, 1300, 1360,
                                                          1400, 1440, 1460, 8940};

    return mss[index];
}

/* Index of the largest MSS that is not above the client's; 0 also if all are. */
static inline uint32_t sb_cookie_mss_index(uint32_t mss) {
    uint32_t index = (1 << SB_COOKIE_MSS_BITS) - 1;

    while (index > 0 && sb_cookie_mss(index) > mss)
        index--;
    return index;
}

/* Writes the input of the hash for a packet from the client with the initial sequence number isn.
 * Returns the number of words, which is smaller for IPv4. */
static inline uint32_t sb_cookie_words(const struct sb_packet *packet, uint32_t isn, uint32_t slot,
                                       uint32_t mss_index, uint64_t words[SB_COOKIE_WORDS]) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)packet->data;
    const uint64_t ports_isn =
        sb_load32_raw(data + packet->l4_offset) | (uint64_t)__builtin_bswap32(isn) << 32;
    const uint64_t slot_mss = slot | (uint64_t)mss_index << 32;

    if (SB_LIKELY(packet->ip_version == 4)) {
        words[0] = sb_load32_raw(sb_client_bytes(packet)) |
                   (uint64_t)sb_load32_raw(sb_protected_bytes(packet)) << 32;
        words[1] = ports_isn;
        words[2] = slot_mss;
        return SB_COOKIE_WORDS_IPV4;
    }
    memcpy(words, sb_client_bytes(packet), SB_IPV6_ADDRESS);
    memcpy(words + 2, sb_protected_bytes(packet), SB_IPV6_ADDRESS);
    words[4] = ports_isn;
    words[5] = slot_mss;
    return SB_COOKIE_WORDS;
}

static inline const uint64_t *sb_cookie_key(const struct sb_node *node, uint32_t slot) {
    return node->cookie_key[slot / SB_COOKIE_EPOCH % 2];
}

static inline uint32_t sb_cookie(uint64_t hash, uint32_t slot, uint32_t mss_index) {
    return ((uint32_t)hash & ~0xfu) | (slot & 1) << SB_COOKIE_MSS_BITS | mss_index;
}

/* Index of the MSS if a node with these secrets has made the cookie in this slot or the one before;
 * else SB_COOKIE_NONE. */
static inline int sb_cookie_check(const struct sb_node *node, uint32_t slot,
                                  const struct sb_packet *packet, uint32_t isn, uint32_t cookie) {
    uint32_t index = cookie % (1 << SB_COOKIE_MSS_BITS), count;
    uint64_t words[SB_COOKIE_WORDS];

    slot -= (slot ^ cookie >> SB_COOKIE_MSS_BITS) & 1;
    count = sb_cookie_words(packet, isn, slot, index, words);
    return sb_cookie(sb_sip_hash(sb_cookie_key(node, slot), words, count), slot, index) == cookie
               ? (int)index
               : SB_COOKIE_NONE;
}

/* The options in the low bits of a timestamp. */
struct sb_cookie_time {
    uint8_t scale;           /* the client's; SB_COOKIE_NO_SCALE: no window scaling */
    uint8_t announced_scale; /* the scale that the answer told the client */
    bool may_sack;
};

/* The timestamp of an answer. */
static inline uint32_t sb_cookie_time(uint32_t boot_ds, struct sb_cookie_time says) {
    uint32_t bits = says.scale | (uint32_t)says.may_sack << 4 | (uint32_t)says.announced_scale << 5;

    return ((boot_ds * 100) & ~(uint32_t)(SB_COOKIE_TIME - 1)) | bits;
}

static inline struct sb_cookie_time sb_cookie_time_read(uint32_t time) {
    return (struct sb_cookie_time){
        .scale = time & 15, .announced_scale = time >> 5 & 15, .may_sack = (time >> 4 & 1) != 0};
}

#endif
