/* hash.h: keyed hash of an address.
 *
 * Attackers choose the addresses, so the key is random per process. Two folded 64 x 64 -> 128 bit
 * multiplications, as in Wang Yi's wyhash (2019); in the style of multiply-mix hashes the first
 * operand meets the key before it is multiplied.
 */
#ifndef SB_HASH_H
#define SB_HASH_H

#include <stdint.h>

struct sb_hash_key {
    uint64_t word[2];
};

static inline uint64_t sb_hash_fold(uint64_t a, uint64_t b) {
    uint64_t low, high;

    /* gcc 12 keeps unsigned __int128 on the stack here: a cycle more for every packet. */
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "%0"(a), "rm"(b) : "cc");
    return low ^ high;
}

/* hi and lo: the halves of an address, most significant first. The low bit of each of the key's
 * words is set at creation, so that no key makes an operand zero for every address. */
static inline uint64_t sb_hash_address(const struct sb_hash_key *key, uint64_t hi, uint64_t lo) {
    uint64_t mixed = sb_hash_fold(lo ^ key->word[0], hi ^ key->word[1]);

    return sb_hash_fold(mixed ^ key->word[0], 0x9e3779b97f4a7c15ull ^ key->word[1]);
}

#endif
