#include "siphash.h"

#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(SB_SIP_LANES * sizeof(uint64_t))));

void sb_sip_hash_lanes(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                       uint64_t hashes[SB_SIP_LANES]) {
    if (__builtin_cpu_supports("avx512f"))
        sb_sip_hash_together(key, words, count, hashes);
    else
        sb_sip_hash_each(key, words, count, hashes);
}

__attribute__((target("avx512f"))) void sb_sip_hash_together(const uint64_t key[2],
                                                             const uint64_t words[][SB_SIP_LANES],
                                                             uint32_t count,
                                                             uint64_t hashes[SB_SIP_LANES]) {
    const lanes zero = {0};
    lanes v[4];

    for (int i = 0; i < 4; i++)
        v[i] = zero + (key[i & 1] ^ sb_sip_start[i]);
    for (uint32_t i = 0; i <= count; i++) {
        lanes word = zero + sb_sip_length(count);

        if (i < count)
            memcpy(&word, words[i], sizeof(word));
        v[3] ^= word;
        SB_SIP_ROUND(v);
        SB_SIP_ROUND(v);
        v[0] ^= word;
    }
    v[2] ^= zero + 0xff;
    for (int i = 0; i < 4; i++)
        SB_SIP_ROUND(v);
    v[0] ^= v[1] ^ v[2] ^ v[3];
    memcpy(hashes, &v[0], sizeof(v[0]));
}

void sb_sip_hash_each(const uint64_t key[2], const uint64_t words[][SB_SIP_LANES], uint32_t count,
                      uint64_t hashes[SB_SIP_LANES]) {
    for (uint32_t lane = 0; lane < SB_SIP_LANES; lane++) {
        uint64_t message[SB_SIP_WORDS_MAX];

        for (uint32_t i = 0; i < count; i++)
            message[i] = words[i][lane];
        hashes[lane] = sb_sip_hash(key, message, count);
    }
}
