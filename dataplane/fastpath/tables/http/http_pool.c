#include "http_pool.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "tables/memory/memory.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { FREE = 0x80, LARGEST = SB_POOL_ORDERS - 1 };

/* The list link in a free block. */
struct link {
    sb_block next, before;
};

static bool has_its_share(const struct sb_http_pool *pool, uint32_t units, uint32_t source);
static void put(struct sb_http_pool *pool, sb_block block, uint32_t order);
static void take_out(struct sb_http_pool *pool, sb_block block, uint32_t order);
static struct link *link_of(const struct sb_http_pool *pool, sb_block block);
static uint32_t order_for(uint32_t bytes);
static sb_block split(struct sb_http_pool *pool, uint32_t order);

int sb_pool_init(struct sb_http_pool *pool, uint64_t bytes) {
    const uint64_t largest = (uint64_t)SB_POOL_UNIT << LARGEST;

    if (bytes == 0 || bytes % largest != 0 || bytes / SB_POOL_UNIT > UINT32_MAX / 2)
        return -EINVAL;
    pool->unit_count = (uint32_t)(bytes / SB_POOL_UNIT);
    pool->share_max = pool->unit_count / SB_POOL_SHARE_OF;
    pool->memory = sb_memory_map_small(bytes);
    pool->order = sb_memory_map_small(pool->unit_count);
    if (pool->memory == NULL || pool->order == NULL) {
        sb_pool_close(pool);
        return -ENOMEM;
    }
    for (uint32_t unit = pool->unit_count; unit != 0; unit -= 1u << LARGEST)
        put(pool, unit - (1u << LARGEST) + 1, LARGEST);
    return 0;
}

void sb_pool_close(struct sb_http_pool *pool) {
    const uint64_t bytes = (uint64_t)pool->unit_count * SB_POOL_UNIT;

    if (pool->memory != NULL)
        ASAN_UNPOISON_MEMORY_REGION(pool->memory, bytes);
    sb_memory_unmap(pool->memory, bytes);
    sb_memory_unmap(pool->order, pool->unit_count);
}

sb_block sb_pool_take(struct sb_http_pool *pool, uint32_t bytes, uint32_t source) {
    const uint32_t order = order_for(bytes), units = 1u << order;
    sb_block block;

    if (order > LARGEST || has_its_share(pool, units, source))
        return 0;
    block = pool->free[order];
    if (block != 0)
        take_out(pool, block, order);
    else
        block = split(pool, order);
    if (block == 0)
        return 0;
    pool->order[block - 1] = (uint8_t)order;
    pool->used += units;
    pool->of_source[source] += units;
    ASAN_UNPOISON_MEMORY_REGION(sb_pool_at(pool, block), sb_pool_size(pool, block));
    return block;
}

void sb_pool_give(struct sb_http_pool *pool, sb_block block, uint32_t source) {
    uint32_t order = pool->order[block - 1], unit = block - 1;

    pool->used -= 1u << order;
    pool->of_source[source] -= 1u << order;
    while (order < LARGEST &&
           (order >= SB_POOL_KEPT_ORDERS || pool->free_count[order] >= SB_POOL_KEPT)) {
        const uint32_t buddy = unit ^ 1u << order;

        if (pool->order[buddy] != (FREE | order))
            break;
        take_out(pool, buddy + 1, order);
        pool->order[buddy] = pool->order[unit] = 0;
        unit &= ~(1u << order);
        order++;
    }
    put(pool, unit + 1, order);
}

/* A source beyond its share gets no more, unless half of the pool stays free: one address may be a
 * proxy with the requests of thousands of clients. */
static bool has_its_share(const struct sb_http_pool *pool, uint32_t units, uint32_t source) {
    return pool->of_source[source] != 0 && pool->used + units > pool->unit_count / 2 &&
           pool->of_source[source] + units > pool->share_max;
}

/* Takes a block of that order out of the smallest larger free block. */
static sb_block split(struct sb_http_pool *pool, uint32_t order) {
    uint32_t from = order + 1;
    sb_block block;

    while (from <= LARGEST && pool->free[from] == 0)
        from++;
    if (from > LARGEST)
        return 0;
    block = pool->free[from];
    take_out(pool, block, from);
    while (from > order) {
        from--;
        put(pool, block + (1u << from), from);
    }
    return block;
}

static uint32_t order_for(uint32_t bytes) {
    uint32_t order = 0;

    while (order < SB_POOL_ORDERS && (uint32_t)SB_POOL_UNIT << order < bytes)
        order++;
    return order;
}

static struct link *link_of(const struct sb_http_pool *pool, sb_block block) {
    return sb_pool_at(pool, block);
}

/* Marks a block as free. AddressSanitizer then reports any access to it except to its link. */
static void put(struct sb_http_pool *pool, sb_block block, uint32_t order) {
    struct link *link = link_of(pool, block);

    ASAN_UNPOISON_MEMORY_REGION(link, sizeof(*link));
    *link = (struct link){.next = pool->free[order]};
    if (link->next != 0)
        link_of(pool, link->next)->before = block;
    pool->free[order] = block;
    pool->free_count[order]++;
    pool->order[block - 1] = (uint8_t)(FREE | order);
    ASAN_POISON_MEMORY_REGION(link + 1, ((size_t)SB_POOL_UNIT << order) - sizeof(*link));
}

static void take_out(struct sb_http_pool *pool, sb_block block, uint32_t order) {
    const struct link link = *link_of(pool, block);

    if (link.next != 0)
        link_of(pool, link.next)->before = link.before;
    if (link.before != 0)
        link_of(pool, link.before)->next = link.next;
    else
        pool->free[order] = link.next;
    pool->free_count[order]--;
}
