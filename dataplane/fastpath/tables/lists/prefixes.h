/* prefixes.h: the prefixes of one family on both lists: what the writer edits, and the generation
 * that readers use.
 *
 * Entries keep their index; hits are counted by lcore and index. A change of the set shows at the
 * next commit, which builds new ranges beside the old ones and swaps a pointer; a new deadline
 * shows at once. What expired is judged at look-up, so freeing it is no reason to commit: it leaves
 * with the next one, or before, when it holds many entries (sb_prefixes_reclaim).
 */
#ifndef SB_PREFIXES_H
#define SB_PREFIXES_H

#include <stdbool.h>

#include "abi.h"
#include "tables/countries/ranges.h"
#include "tables/memory/grace.h"

enum { SB_RETIRED_MAX = 4 };

/* Of an entry. Removed: in force until the next commit; over: it had expired. */
enum { SB_PREFIX_FREE, SB_PREFIX_LIVE, SB_PREFIX_REMOVED, SB_PREFIX_OVER };

#define SB_PREFIX_NONE UINT32_MAX

struct sb_prefix_chain { /* index + 1 through sb_prefix.chain; 0 is the end */
    uint32_t head, tail;
};

/* Ranges that readers may still use, and the entries that were removed before they were replaced.
 */
struct sb_retired {
    struct sb_ranges *ranges;
    struct sb_prefix_chain removed;
    struct sb_grace grace;
};

struct sb_prefixes {
    /* What readers use. */
    struct sb_ranges *ranges; /* swapped */
    struct sb_prefix *entries;
    uint64_t *hits; /* [lcore][hits_stride] */
    uint32_t hits_stride;
    /* What only the writer uses: not on the readers' line. */
    uint32_t capacity __attribute__((aligned(SB_CACHE_LINE))); /* entries that may live */
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
/* Adds an entry that is not there. 0 or -ENOSPC. */
int sb_prefixes_add(struct sb_prefixes *prefixes, const struct sb_prefix *entry);
/* is_over: it has expired, so nothing changes for readers. */
void sb_prefixes_remove(struct sb_prefixes *prefixes, uint32_t index, bool is_over);
/* 0, -ENOMEM, or -EAGAIN: readers still use SB_RETIRED_MAX older generations. The ranges in use
 * stay on failure. */
int sb_prefixes_commit(struct sb_prefixes *prefixes);
/* Frees what readers have let go of. Expired entries that hold too many of the spare ones are built
 * out of the ranges first; what waits for a commit goes on waiting. */
void sb_prefixes_reclaim(struct sb_prefixes *prefixes);
uint64_t sb_prefixes_hits(const struct sb_prefixes *prefixes, uint32_t index);
bool sb_prefix_live(const struct sb_prefix *entry);

/* For generations.c. Entries beyond the capacity, for those removed but still in use by readers. */
uint32_t sb_prefixes_spare(uint32_t capacity);
/* Puts all of a chain in front of another. */
void sb_prefixes_splice(struct sb_prefixes *prefixes, struct sb_prefix_chain *to,
                        struct sb_prefix_chain *from);

#endif
