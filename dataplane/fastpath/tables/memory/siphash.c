#include "siphash.h"

#include <string.h>

/* A vector holds one word of each of as many messages as it has lanes. */
#define HASH_IN_VECTORS(function, instructions, lanes)                                             \
    __attribute__((target(instructions))) void function(                                           \
        const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,               \
        uint64_t hashes[SB_SIP_LANES]) {                                                           \
        typedef uint64_t vector __attribute__((vector_size((lanes) * sizeof(uint64_t))));          \
        const vector zero = {0};                                                                   \
                                                                                                   \
        for (uint32_t first = 0; first < SB_SIP_LANES; first += (lanes)) {                         \
            vector v[4];                                                                           \
                                                                                                   \
            for (int i = 0; i < 4; i++)                                                            \
                v[i] = zero + (key[i & 1] ^ sb_sip_start[i]);                                      \
            for (uint32_t i = 0; i <= count; i++) {                                                \
                vector word = zero + sb_sip_length(count);                                         \
                                                                                                   \
                if (i < count)                                                                     \
                    memcpy(&word, &words[i][first], sizeof(word));                                 \
                v[3] ^= word;                                                                      \
                SB_SIP_ROUND(v);                                                                   \
                SB_SIP_ROUND(v);                                                                   \
                v[0] ^= word;                                                                      \
            }                                                                                      \
            v[2] ^= zero + 0xff;                                                                   \
            for (int i = 0; i < 4; i++)                                                            \
                SB_SIP_ROUND(v);                                                                   \
            v[0] ^= v[1] ^ v[2] ^ v[3];                                                            \
            memcpy(&hashes[first], &v[0], sizeof(v[0]));                                           \
        }                                                                                          \
    }

HASH_IN_VECTORS(sb_sip_hash_eight, "avx512f", 8)
HASH_IN_VECTORS(sb_sip_hash_four, "avx2", 4)

void sb_sip_hash_each(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                      uint64_t hashes[SB_SIP_LANES]) {
    for (uint32_t lane = 0; lane < SB_SIP_LANES; lane++) {
        uint64_t message[SB_SIP_WORDS_MAX];

        for (uint32_t i = 0; i < count; i++)
            message[i] = words[i][lane];
        hashes[lane] = sb_sip_hash(key, message, count);
    }
}

void sb_sip_hash_lanes(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                       uint64_t hashes[SB_SIP_LANES]) {
    if (__builtin_cpu_supports("avx512f"))
        sb_sip_hash_eight(key, words, count, hashes);
    else if (__builtin_cpu_supports("avx2"))
        sb_sip_hash_four(key, words, count, hashes);
    else
        sb_sip_hash_each(key, words, count, hashes);
}
