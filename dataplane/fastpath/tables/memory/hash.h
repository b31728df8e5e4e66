/* hash.h: keyed hash of an address.
 *
 * Attackers choose the addresses, so the key is random per process. Two folded multiplications of
 * 64 x 64 to 128 bits, as in Wang Yi's wyhash (2019). As usual for multiply-mix hashes, the first
 * operand is combined with the key before the multiplication.
 */
#ifndef SB_HASH_H
#define SB_HASH_H

#include <stdint.h>

struct sb_hash_key {
    uint64_t word[2];
};

static inline uint64_t sb_hash_fold(uint64_t a, uint64_t b) {
    uint64_t low, high;

    /* gcc 12 would keep an unsigned __int128 on the stack here, which costs one cycle per packet.
     */
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "%0"(a), "rm"(b) : "cc");
    return low ^ high;
}

/* hi and lo: the halves of an address, most significant first. The low bit of each word of the key
 * is set at creation, so that no key makes an operand zero for every address. */
static inline uint64_t sb_hash_address(const struct sb_hash_key *key, uint64_t hi, uint64_t lo) {
    uint64_t mixed = sb_hash_fold(lo ^ key->word[0], hi ^ key->word[1]);

    return sb_hash_fold(mixed ^ key->word[0], 0x9e3779b97f4a7c15ull ^ key->word[1]);
}

#endif
