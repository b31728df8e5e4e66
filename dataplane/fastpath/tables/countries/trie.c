/* trie.c: builds a trie from ranges, depth first. */
#include "trie.h"

#include <errno.h>
#include <stdbool.h>

#include "tables/memory/memory.h"

typedef unsigned __int128 address_bits;

enum { ADDRESS_BITS = 128, PAGE_BYTES = 4096, ROOT_BYTES = SB_TRIE_ROOT * sizeof(uint32_t) };

struct build {
    struct sb_trie *trie;
    const struct sb_country_range *ranges;
    uint32_t count;
};

/* The addresses with one prefix, and the range that contains the first of them. */
struct part {
    address_bits first;
    uint32_t length; /* of the common prefix */
    uint32_t range;
};

/* The content of a node before it is written. */
struct plan {
    uint64_t starts;
    uint32_t run_count;
    uint32_t child_count;
    uint16_t run[SB_TRIE_SLOTS]; /* SB_TRIE_CHILD: the next child */
    struct part child[SB_TRIE_SLOTS];
};

static uint32_t range_at(const struct build *build, address_bits address, uint32_t from);
static int build_slot(const struct build *build, const struct part *part, uint32_t *slot);
static bool is_uniform(const struct build *build, const struct part *part);
static void make_plan(const struct build *build, const struct part *part, struct plan *plan);
static struct part slot_of(const struct part *part, uint32_t index);
static int take_units(struct sb_trie *trie, uint32_t run_count, uint32_t *unit);
static int fill_node(const struct build *build, const struct plan *plan, uint32_t unit);
static void give_back_rest(struct sb_trie *trie);

int sb_trie_build(struct sb_trie *trie, const struct sb_country_range *ranges, uint32_t count) {
    const struct build build = {trie, ranges, count};
    struct part part = {.length = SB_TRIE_ROOT_BITS};
    int result = 0;

    *trie = (struct sb_trie){.bytes = ROOT_BYTES + (size_t)SB_TRIE_UNITS_MAX * SB_TRIE_UNIT};
    trie->root = sb_memory_map(trie->bytes);
    if (trie->root == NULL)
        return -ENOMEM;
    trie->units = (uint8_t *)trie->root + ROOT_BYTES;
    for (uint32_t i = 0; i < SB_TRIE_ROOT && result == 0; i++) {
        part.first = (address_bits)i << (ADDRESS_BITS - SB_TRIE_ROOT_BITS);
        part.range = range_at(&build, part.first, part.range);
        result = build_slot(&build, &part, &trie->root[i]);
    }
    if (result != 0)
        sb_trie_destroy(trie);
    else
        give_back_rest(trie);
    return result;
}

void sb_trie_destroy(struct sb_trie *trie) {
    sb_memory_unmap(trie->root, trie->bytes);
    *trie = (struct sb_trie){0};
}

static address_bits start_of(const struct build *build, uint32_t range) {
    return (address_bits)build->ranges[range].hi << 64 | build->ranges[range].lo;
}

/* The range that contains the address. from: a range that is not behind it. */
static uint32_t range_at(const struct build *build, address_bits address, uint32_t from) {
    while (from + 1 < build->count && start_of(build, from + 1) <= address)
        from++;
    return from;
}

static int build_slot(const struct build *build, const struct part *part, uint32_t *slot) {
    struct plan plan;
    uint32_t unit;

    if (is_uniform(build, part)) {
        *slot = build->ranges[part->range].country;
        return 0;
    }
    make_plan(build, part, &plan);
    if (take_units(build->trie, plan.run_count, &unit) != 0)
        return -ENOSPC;
    *slot = SB_TRIE_NODE | unit;
    return fill_node(build, &plan, unit);
}

/* Whether all addresses of the part have the same value. */
static bool is_uniform(const struct build *build, const struct part *part) {
    address_bits others = part->length == ADDRESS_BITS ? 0 : ~(address_bits)0 >> part->length;

    return part->range + 1 == build->count ||
           start_of(build, part->range + 1) > (part->first | others);
}

static void make_plan(const struct build *build, const struct part *part, struct plan *plan) {
    uint32_t range = part->range;

    plan->starts = 0;
    plan->run_count = plan->child_count = 0;
    for (uint32_t i = 0; i < SB_TRIE_SLOTS; i++) {
        struct part slot = slot_of(part, i);
        uint16_t value = SB_TRIE_CHILD;

        slot.range = range = range_at(build, slot.first, range);
        if (is_uniform(build, &slot))
            value = build->ranges[range].country;
        else
            plan->child[plan->child_count++] = slot;
        if (i > 0 && value != SB_TRIE_CHILD && value == plan->run[plan->run_count - 1])
            continue;
        plan->starts |= 1ull << i;
        plan->run[plan->run_count++] = value;
    }
}

/* Behind /126 only four addresses are left, at the slots 0, 16, 32 and 48. The slots between are
 * never looked up; they get the value of the slot before them. */
static struct part slot_of(const struct part *part, uint32_t index) {
    uint32_t length = part->length + SB_TRIE_STRIDE;

    if (length > ADDRESS_BITS)
        return (struct part){.first = part->first | index >> (length - ADDRESS_BITS),
                             .length = ADDRESS_BITS};
    return (struct part){.first = part->first | (address_bits)index << (ADDRESS_BITS - length),
                         .length = length};
}

static int take_units(struct sb_trie *trie, uint32_t run_count, uint32_t *unit) {
    size_t bytes = offsetof(struct sb_trie_node, run) + run_count * sizeof(uint16_t);
    uint32_t count = (uint32_t)((bytes + SB_TRIE_UNIT - 1) / SB_TRIE_UNIT);

    if (count > SB_TRIE_UNITS_MAX - trie->unit_count)
        return -ENOSPC;
    *unit = trie->unit_count;
    trie->unit_count += count;
    return 0;
}

/* The children of a node must be adjacent, so all get their units before the first one is filled.
 */
static int fill_node(const struct build *build, const struct plan *plan, uint32_t unit) {
    struct sb_trie_node *node = (struct sb_trie_node *)sb_trie_node(build->trie, unit);
    uint32_t units[SB_TRIE_SLOTS], child = 0;
    struct plan below;

    node->starts = plan->starts;
    node->children = build->trie->unit_count;
    for (uint32_t i = 0; i < plan->child_count; i++) {
        make_plan(build, &plan->child[i], &below);
        if (take_units(build->trie, below.run_count, &units[i]) != 0)
            return -ENOSPC;
    }
    for (uint32_t i = 0; i < plan->run_count; i++)
        node->run[i] = plan->run[i] != SB_TRIE_CHILD
                           ? plan->run[i]
                           : (uint16_t)(SB_TRIE_CHILD | (units[child++] - node->children));
    for (uint32_t i = 0; i < plan->child_count; i++) {
        make_plan(build, &plan->child[i], &below);
        if (fill_node(build, &below, units[i]) != 0)
            return -ENOSPC;
    }
    return 0;
}

/* Unmaps the memory behind the last unit. */
static void give_back_rest(struct sb_trie *trie) {
    size_t used = ROOT_BYTES + (size_t)trie->unit_count * SB_TRIE_UNIT;

    used = (used + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
    sb_memory_unmap((uint8_t *)trie->root + used, trie->bytes - used);
    trie->bytes = used;
}
