/* siphash.h: SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) of whole
 * words. Without the key the result can't be predicted. */
#ifndef SB_SIPHASH_H
#define SB_SIPHASH_H

#include <stdint.h>

#define SB_SIP_ROTATE(value, bits) ((value) << (bits) | (value) >> (64 - (bits)))

/* One round on four words, or on four vectors of words. */
#define SB_SIP_ROUND(v)                                                                            \
    do {                                                                                           \
        (v)[0] += (v)[1], (v)[2] += (v)[3];                                                        \
        (v)[1] = SB_SIP_ROTATE((v)[1], 13) ^ (v)[0], (v)[3] = SB_SIP_ROTATE((v)[3], 16) ^ (v)[2];  \
        (v)[0] = SB_SIP_ROTATE((v)[0], 32);                                                        \
        (v)[2] += (v)[1], (v)[0] += (v)[3];                                                        \
        (v)[1] = SB_SIP_ROTATE((v)[1], 17) ^ (v)[2], (v)[3] = SB_SIP_ROTATE((v)[3], 21) ^ (v)[0];  \
        (v)[2] = SB_SIP_ROTATE((v)[2], 32);                                                        \
    } while (0)

enum { SB_SIP_LANES = 8, SB_SIP_WORDS_MAX = 8 };

static const uint64_t sb_sip_start[4] = {0x736f6d6570736575, 0x646f72616e646f6d, 0x6c7967656e657261,
                                         0x7465646279746573};

static inline uint64_t sb_sip_length(uint32_t count) {
    return (uint64_t)(count * 8) << 56;
}

/* The hash of the bytes of count words, in memory order. */
static inline uint64_t sb_sip_hash(const uint64_t key[2], const uint64_t *words, uint32_t count) {
    uint64_t v[4];

    for (int i = 0; i < 4; i++)
        v[i] = key[i & 1] ^ sb_sip_start[i];
    for (uint32_t i = 0; i <= count; i++) {
        uint64_t word = i < count ? words[i] : sb_sip_length(count);

        v[3] ^= word;
        SB_SIP_ROUND(v);
        SB_SIP_ROUND(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        SB_SIP_ROUND(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The hashes of several messages of at most SB_SIP_WORDS_MAX words. Word i of message m is
 * words[i][m]. */
void sb_sip_hash_lanes(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                       uint64_t hashes[SB_SIP_LANES]);
/* The implementations: eight at once with AVX-512, four with AVX2, otherwise one at a time. */
void sb_sip_hash_eight(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                       uint64_t hashes[SB_SIP_LANES]);
void sb_sip_hash_four(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                      uint64_t hashes[SB_SIP_LANES]);
void sb_sip_hash_each(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                      uint64_t hashes[SB_SIP_LANES]);

#endif
