/* siphash.h: SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) of whole
 * words: what nobody without the key can foresee. */
#ifndef SB_SIPHASH_H
#define SB_SIPHASH_H

#include <stdint.h>

static inline uint64_t sb_sip_rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static inline void sb_sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = sb_sip_rotate(v[1], 13) ^ v[0], v[3] = sb_sip_rotate(v[3], 16) ^ v[2];
    v[0] = sb_sip_rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = sb_sip_rotate(v[1], 17) ^ v[2], v[3] = sb_sip_rotate(v[3], 21) ^ v[0];
    v[2] = sb_sip_rotate(v[2], 32);
}

static inline void sb_sip_compress(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sb_sip_round(v);
    sb_sip_round(v);
    v[0] ^= word;
}

/* Of the bytes of count words, as they lie in memory. */
static inline uint64_t sb_sip_hash(const uint64_t key[2], const uint64_t *words, uint32_t count) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    for (uint32_t i = 0; i < count; i++)
        sb_sip_compress(v, words[i]);
    sb_sip_compress(v, (uint64_t)(count * 8) << 56); /* the length */
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sb_sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
