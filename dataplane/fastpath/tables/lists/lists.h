/* lists.h: the allowlist and the blacklist: single addresses and prefixes, with one writer and many
 * readers.
 *
 * Writer: the control loop. Readers: the lists stage on every lcore, at the same time. Only create,
 * put (never beyond the capacity) and commit allocate memory. Needs no EAL.
 */
#ifndef SB_LISTS_H
#define SB_LISTS_H

#include "packet/address.h"

struct sb_lists;

/* addresses_max: single addresses of both families and lists together. prefixes_max: per family.
 * lcores: number of readers that count hits. hash_key: 16 random bytes. readers NULL: nobody reads
 * while the writer writes. 0, -EINVAL (a capacity is 0 or above 2^27, or lcores above
 * SB_LCORES_MAX), -ENOMEM. */
int sb_lists_create(uint32_t addresses_max, uint32_t prefixes_max, uint32_t lcores,
                    const uint8_t hash_key[16], const struct sb_readers *readers,
                    struct sb_lists **out);
void sb_lists_destroy(struct sb_lists *lists);

/* Puts count records. Result of each: 0 added, 1 replaced, -ENOSPC table full, -EINVAL. Single
 * addresses (prefix length 128) are in force on return, prefixes after the next sb_lists_commit.
 * The entries get the current generation. Returns how many records failed. */
uint32_t sb_lists_put(struct sb_lists *lists, struct sb_list_record *records, uint32_t count);
/* As sb_lists_put, but an entry that exists and has not expired at boot_ds is not changed (result
 * 1). For bulk imports. */
uint32_t sb_lists_put_new(struct sb_lists *lists, struct sb_list_record *records, uint32_t count,
                          uint32_t boot_ds);
/* Removes entries. Result of each: 1 removed, 0 there was none. */
uint32_t sb_lists_remove(struct sb_lists *lists, struct sb_list_record *records, uint32_t count);

/* If a prefix has changed since the last call, builds new prefix tables and swaps them with those
 * in use. 0, or -ENOMEM (the old tables stay in force). */
int sb_lists_commit(struct sb_lists *lists);

/* Reloads the lists without a gap: begin a generation, put all entries, then sweep, which removes
 * the entries of older generations. A call of sweep handles at most budget entries, and returns 1
 * while there are more. */
void sb_lists_begin_generation(struct sb_lists *lists);
int sb_lists_sweep(struct sb_lists *lists, uint32_t budget);

/* Frees entries that have expired at boot_ds. Checks at most budget entries, in a cycle. Returns
 * how many it freed. */
uint32_t sb_lists_expire(struct sb_lists *lists, uint32_t boot_ds, uint32_t budget);

/* Collects the live entries with the most hits of each list, without those that have none. Checks
 * at most budget entries. Returns 1 when a round is complete: found then begins with the most hit
 * entry, and the next call begins a new round. Until then the contents of found are internal. */
int sb_lists_most_hit(struct sb_lists *lists, struct sb_most_hit found[SB_LIST_COUNT],
                      uint32_t budget);

/* The entry with exactly record->key, prefix_length and list, expired or not. found is 0 if there
 * is none. */
void sb_lists_get(const struct sb_lists *lists, const struct sb_list_record *record,
                  struct sb_list_entry *out);
void sb_lists_usage(const struct sb_lists *lists, struct sb_lists_usage *out);

/* --- readers ---------------------------------------------------------------------------------- */

struct sb_lists_match {
    uint64_t *hits; /* of the entry that decides; the caller counts */
    uint32_t list;  /* enum sb_list */
    uint32_t reserved;
};

/* The decision about count <= SB_BURST_MAX clients by all entries that have not expired at boot_ds:
 * allow if any entry allows, else ban if any bans. The longest such entry of the list decides.
 * Returns a bitmap of the clients with a decision; only their matches are written. The matches are
 * valid until the caller's next quiescent state (readers.h). */
uint32_t sb_lists_match(const struct sb_lists *lists, uint32_t lcore,
                        const struct sb_address_key *keys, uint32_t count, uint32_t boot_ds,
                        struct sb_lists_match *matches);
/* As sb_lists_match, for the clients of a burst whose live packets are all SB_PACKET_PLAIN and from
 * outside, in their order: nearly every burst. */
uint32_t sb_lists_match_plain(const struct sb_lists *lists, uint32_t lcore,
                              const struct sb_burst *burst, uint32_t boot_ds,
                              struct sb_lists_match *matches);

#endif
