/* syn_cookie.h: what a client is told in place of being remembered (RFC 4987, 3.6).
 *
 * The initial sequence number of an answer is 28 bits of SipHash over both addresses and ports, the
 * client's own number, the time slot and the index of its MSS, then a bit of the slot and that
 * index. A cookie is good for the slot it was made in and the next. Nodes with the same secrets and
 * the right time take each other's.
 *
 * The rest of what the client has offered comes back in the time of its timestamp option (RFC
 * 7323): the low bits of the value that it echoes.
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

/* The largest that is not more than what the client can take; 0: even the first may be. */
static inline uint32_t sb_cookie_mss_index(uint32_t mss) {
    uint32_t index = (1 << SB_COOKIE_MSS_BITS) - 1;

    while (index > 0 && sb_cookie_mss(index) > mss)
        index--;
    return index;
}

/* What is hashed, of a packet from the client whose initial sequence number is isn; returns how
 * many words: fewer of IPv4. */
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

/* Index of the MSS of a cookie that this node, or one with its secrets, has made in this slot or
 * the one before; else SB_COOKIE_NONE. */
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

/* What a time says. */
struct sb_cookie_time {
    uint8_t scale;           /* the client's; SB_COOKIE_NO_SCALE: none was agreed on */
    uint8_t announced_scale; /* what the client was told */
    bool may_sack;
};

/* The time of an answer. */
static inline uint32_t sb_cookie_time(uint32_t boot_ds, struct sb_cookie_time says) {
    uint32_t bits = says.scale | (uint32_t)says.may_sack << 4 | (uint32_t)says.announced_scale << 5;

    return ((boot_ds * 100) & ~(uint32_t)(SB_COOKIE_TIME - 1)) | bits;
}

static inline struct sb_cookie_time sb_cookie_time_read(uint32_t time) {
    return (struct sb_cookie_time){
        .scale = time & 15, .announced_scale = time >> 5 & 15, .may_sack = (time >> 4 & 1) != 0};
}

#endif
