/* http_pool.h: memory for the HTTP inspection of connections. Its size is fixed at creation.
 *
 * A buddy allocator with blocks of SB_POOL_UNIT << order contiguous bytes. Sources share the pool,
 * and the share of each is bounded, so that clients which never finish their requests can't prevent
 * the inspection of others. The lcore of the pool is the only writer and reader.
 */
#ifndef SB_HTTP_POOL_H
#define SB_HTTP_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi.h"

enum {
    SB_POOL_UNIT = 256,
    SB_POOL_ORDERS = 14,    /* 256 bytes to 2 MiB */
    SB_POOL_SHARES = 4096,  /* sources are distinguished by so many hash values */
    SB_POOL_SHARE_OF = 64,  /* if half is in use, one source may have 1/64 and one block */
    SB_POOL_KEPT = 32,      /* free small blocks of one order that are not merged */
    SB_POOL_KEPT_ORDERS = 6 /* up to 8 KiB: the size for one request */
};

/* Index of the block's first unit, + 1; 0: none. */
typedef uint32_t sb_block;

struct sb_http_pool {
    uint8_t *memory;
    uint8_t *order; /* of the block that begins at a unit; with the flag FREE */
    uint32_t unit_count;
    uint32_t used;      /* units */
    uint32_t share_max; /* units */
    sb_block free[SB_POOL_ORDERS];
    uint32_t free_count[SB_POOL_ORDERS];
    uint32_t of_source[SB_POOL_SHARES]; /* units */
};

/* bytes: a multiple of the size of the largest block. 0, -EINVAL, -ENOMEM. */
int sb_pool_init(struct sb_http_pool *pool, uint64_t bytes);
void sb_pool_close(struct sb_http_pool *pool);

/* Takes a block of at least this many bytes, not initialized, for a source (below SB_POOL_SHARES).
 * 0: no block is free, the source has its share, or no block is so large. */
sb_block sb_pool_take(struct sb_http_pool *pool, uint32_t bytes, uint32_t source);
void sb_pool_give(struct sb_http_pool *pool, sb_block block, uint32_t source);

static inline void *sb_pool_at(const struct sb_http_pool *pool, sb_block block) {
    return pool->memory + (uint64_t)(block - 1) * SB_POOL_UNIT;
}

/* Size in bytes of a taken block. */
static inline uint32_t sb_pool_size(const struct sb_http_pool *pool, sb_block block) {
    return (uint32_t)SB_POOL_UNIT << pool->order[block - 1];
}

#endif
