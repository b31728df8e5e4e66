/* http_pool.h: memory for what HTTP inspection keeps of connections, of a size fixed at creation.
 *
 * Buddies: blocks of SB_POOL_UNIT << order bytes, each contiguous. Sources share the pool, and what
 * one of them can hold is bounded: clients that never finish their requests can't keep the others
 * from being inspected. One writer and reader: the lcore that it is of.
 */
#ifndef SB_HTTP_POOL_H
#define SB_HTTP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

enum {
    SB_POOL_UNIT = 256,
    SB_POOL_ORDERS = 14,    /* 256 bytes to 2 MiB */
    SB_POOL_SHARES = 4096,  /* sources are told apart by so many hashes */
    SB_POOL_SHARE_OF = 64,  /* with half of it in use, one source may hold 1/64 and one block */
    SB_POOL_KEPT = 32,      /* small blocks of one order that are not put together again */
    SB_POOL_KEPT_ORDERS = 6 /* up to 8 KiB: what one request takes */
};

/* Of a block: index of its first unit, + 1; 0: none. */
typedef uint32_t sb_block;

struct sb_http_pool {
    uint8_t *memory;
    uint8_t *order; /* of the block that begins at a unit; SB_POOL_FREE: it is free */
    uint32_t unit_count;
    uint32_t used;      /* units */
    uint32_t share_max; /* units */
    sb_block free[SB_POOL_ORDERS];
    uint32_t free_count[SB_POOL_ORDERS];
    uint32_t of_source[SB_POOL_SHARES]; /* units */
};

/* bytes: a multiple of the largest block, of which there is one at least. 0, -EINVAL, -ENOMEM. */
int sb_pool_init(struct sb_http_pool *pool, uint64_t bytes);
void sb_pool_close(struct sb_http_pool *pool);

/* A block of at least so many bytes, of which nothing is set, for a source (below SB_POOL_SHARES).
 * 0: none is free, the source has its share, or no block is so large. */
sb_block sb_pool_take(struct sb_http_pool *pool, uint32_t bytes, uint32_t source);
void sb_pool_give(struct sb_http_pool *pool, sb_block block, uint32_t source);

static inline void *sb_pool_at(const struct sb_http_pool *pool, sb_block block) {
    return pool->memory + (uint64_t)(block - 1) * SB_POOL_UNIT;
}

/* Bytes of a block that was taken. */
static inline uint32_t sb_pool_size(const struct sb_http_pool *pool, sb_block block) {
    return (uint32_t)SB_POOL_UNIT << pool->order[block - 1];
}

#endif
