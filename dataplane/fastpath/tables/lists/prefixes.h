/* prefixes.h: the prefixes of one family on both lists: the set that the writer edits, and the
 * generation that readers use.
 *
 * Entries keep their index; hits are counted by lcore and index. A change of the set is in force
 * after the next commit, which builds new ranges beside the old ones and swaps a pointer. A new
 * deadline is in force immediately. Readers check deadlines at look-up, so an expired entry needs
 * no commit. It leaves the ranges with the next commit, or earlier if there are many such entries
 * (sb_prefixes_reclaim).
 */
#ifndef SB_PREFIXES_H
#define SB_PREFIXES_H

#include <stdbool.h>

#include "abi.h"
#include "tables/countries/ranges.h"
#include "tables/memory/grace.h"

enum { SB_RETIRED_MAX = 4 };

/* State of an entry. REMOVED: in force until the next commit. OVER: removed after it had expired.
 */
enum { SB_PREFIX_FREE, SB_PREFIX_LIVE, SB_PREFIX_REMOVED, SB_PREFIX_OVER };

#define SB_PREFIX_NONE UINT32_MAX

struct sb_prefix_chain { /* through sb_prefix.chain, index + 1; 0 is the end */
    uint32_t head, tail;
};

/* Old ranges that readers may still use, and the entries that were removed when they were replaced.
 */
struct sb_retired {
    struct sb_ranges *ranges;
    struct sb_prefix_chain removed;
    struct sb_grace grace;
};

struct sb_prefixes {
    /* For readers. */
    struct sb_ranges *ranges; /* swapped at a commit */
    struct sb_prefix *entries;
    uint64_t *hits; /* [lcore][hits_stride] */
    uint32_t hits_stride;
    /* Only for the writer: not on the readers' cache line. */
    uint32_t capacity __attribute__((aligned(SB_CACHE_LINE))); /* entries that may be live */
    uint32_t entry_count;
    uint32_t lcores;
    uint32_t used;
    uint32_t fresh; /* entries below it have been used once */
    uint32_t over_count;
    bool is_ipv6;
    bool changed; /* since the last commit */
    uint32_t *heads;
    uint32_t head_mask;
    uint32_t *added; /* since the last commit; some may have been removed again */
    uint32_t added_count;
    struct sb_prefix_chain free;
    struct sb_prefix_chain removed; /* since the last commit, in force until the next */
    struct sb_prefix_chain over;    /* removed since the ranges were built: they had expired */
    struct sb_retired retired[SB_RETIRED_MAX];
    uint32_t retired_count;
    const struct sb_readers *readers;
};

int sb_prefixes_init(struct sb_prefixes *prefixes, uint32_t capacity, uint32_t lcores, bool is_ipv6,
                     const struct sb_readers *readers);
void sb_prefixes_fini(struct sb_prefixes *prefixes);
uint64_t sb_prefixes_bytes(const struct sb_prefixes *prefixes);

/* Index of an entry, or SB_PREFIX_NONE. hi, lo, length as in struct sb_prefix. */
uint32_t sb_prefixes_find(const struct sb_prefixes *prefixes, uint64_t hi, uint64_t lo,
                          uint32_t length, uint32_t list);
/* Adds an entry that is not in the set. 0 or -ENOSPC. */
int sb_prefixes_add(struct sb_prefixes *prefixes, const struct sb_prefix *entry);
/* Removes an entry. is_over: it has expired, so nothing changes for readers. */
void sb_prefixes_remove(struct sb_prefixes *prefixes, uint32_t index, bool is_over);
/* 0, -ENOMEM, or -EAGAIN: readers still use SB_RETIRED_MAX older generations. If it fails, the
 * ranges in use stay in force. */
int sb_prefixes_commit(struct sb_prefixes *prefixes);
/* Frees ranges and entries that no reader can use any more. If expired entries use too many of the
 * spare ones, it first rebuilds the ranges without them; other changes still wait for a commit. */
void sb_prefixes_reclaim(struct sb_prefixes *prefixes);
uint64_t sb_prefixes_hits(const struct sb_prefixes *prefixes, uint32_t index);
bool sb_prefix_live(const struct sb_prefix *entry);

/* For generations.c. Entries beyond the capacity, for removed ones that readers may still use. */
uint32_t sb_prefixes_spare(uint32_t capacity);
/* Moves all entries of one chain to the front of another. */
void sb_prefixes_splice(struct sb_prefixes *prefixes, struct sb_prefix_chain *to,
                        struct sb_prefix_chain *from);

#endif
