/* lists.h: the allowlist and the blacklist, single addresses and prefixes, for one writer and many
 * readers.
 *
 * Writer: the control loop. Readers: the lists stage on every lcore; they run while the writer
 * writes. Allocates only in create, put (never beyond the capacity) and commit; needs no EAL.
 */
#ifndef SB_LISTS_H
#define SB_LISTS_H

#include "packet/address.h"

struct sb_lists;

/* addresses_max: single addresses of both families and lists together; prefixes_max: per family.
 * lcores: how many readers count hits. hash_key: 16 random bytes. readers may be NULL: there are
 * none while the writer writes. 0, or -EINVAL (a capacity is 0 or above 2^27, lcores above
 * SB_LCORES_MAX), -ENOMEM. */
int sb_lists_create(uint32_t addresses_max, uint32_t prefixes_max, uint32_t lcores,
                    const uint8_t hash_key[16], const struct sb_readers *readers,
                    struct sb_lists **out);
void sb_lists_destroy(struct sb_lists *lists);

/* Puts count records; each result: 0 added, 1 replaced, -ENOSPC table full, -EINVAL. Single
 * addresses (prefix length 128) are in force on return; prefixes after the next sb_lists_commit.
 * Returns how many failed. Stamps what it puts with the current generation. */
uint32_t sb_lists_put(struct sb_lists *lists, struct sb_list_record *records, uint32_t count);
/* As put, but a key already there and not expired at boot_ds stays as it is (result 1). For bulk
 * imports. */
uint32_t sb_lists_put_new(struct sb_lists *lists, struct sb_list_record *records, uint32_t count,
                          uint32_t boot_ds);
/* Removes; each result: 1 removed, 0 was not there. */
uint32_t sb_lists_remove(struct sb_lists *lists, struct sb_list_record *records, uint32_t count);

/* Builds the prefix tables beside the ones in use and swaps them, if a prefix has changed since. 0,
 * -ENOMEM (the old tables stay). */
int sb_lists_commit(struct sb_lists *lists);

/* Full reload without a gap: begin a generation, put everything, sweep what was not put since.
 * Sweep works through at most budget entries per call; returns 1 while there is more. */
void sb_lists_begin_generation(struct sb_lists *lists);
int sb_lists_sweep(struct sb_lists *lists, uint32_t budget);

/* Frees what has expired at boot_ds, looking at most at budget entries, round and round; returns
 * how many it freed. */
uint32_t sb_lists_expire(struct sb_lists *lists, uint32_t boot_ds, uint32_t budget);

/* Looks at most at budget entries, round and round, and collects the most hit of each list that are
 * not over, those without a hit left out. Returns 1 when a round is complete: found then has the
 * most hit first, and the next call begins anew. Between two calls found is the walk's own. */
int sb_lists_most_hit(struct sb_lists *lists, struct sb_most_hit found[SB_LIST_COUNT],
                      uint32_t budget);

/* The exact entry of record->key, prefix_length, list, over or not; found 0: there is none. */
void sb_lists_get(const struct sb_lists *lists, const struct sb_list_record *record,
                  struct sb_list_entry *out);
void sb_lists_usage(const struct sb_lists *lists, struct sb_lists_usage *out);

/* --- readers ---------------------------------------------------------------------------------- */

struct sb_lists_match {
    uint64_t *hits; /* of the entry that decides; the caller counts */
    uint32_t list;  /* enum sb_list */
    uint32_t reserved;
};

/* What all entries that are not over at boot_ds give for count <= SB_BURST_MAX clients: allow if
 * any allows, else ban if any bans. Returns a bitmap of the clients about which an entry decides,
 * and writes their matches only. The entry that decides is the longest of its list. matches are
 * good until the caller's next quiescent state (readers.h). */
uint32_t sb_lists_match(const struct sb_lists *lists, uint32_t lcore,
                        const struct sb_address_key *keys, uint32_t count, uint32_t boot_ds,
                        struct sb_lists_match *matches);
/* The same of the clients of a burst whose live packets are all SB_PACKET_PLAIN and from outside,
 * in their order: what nearly every burst is. */
uint32_t sb_lists_match_plain(const struct sb_lists *lists, uint32_t lcore,
                              const struct sb_burst *burst, uint32_t boot_ds,
                              struct sb_lists_match *matches);

#endif
