/* handover.c: the ring between two lcores; see handover.h. */
#include "handover.h"

#include <stddef.h>

/* Each side's cursor and its copy of the other's cursor share a cache line that only that side
 * writes. The other's line is read only if the copy shows a full or empty ring, not for every
 * packet. */
struct sb_handover {
    uint64_t produced;
    uint64_t consumed_seen;
    uint64_t closed;
    uint64_t slots_max;
    uint8_t reserved_producer[SB_CACHE_LINE - 32];
    uint64_t consumed;
    uint64_t produced_seen;
    uint8_t reserved_consumer[SB_CACHE_LINE - 16];
    struct sb_packet slots[SB_HANDOVER_SLOTS];
} __attribute__((aligned(SB_CACHE_LINE)));

_Static_assert((SB_HANDOVER_SLOTS & (SB_HANDOVER_SLOTS - 1)) == 0,
               "the slot is the cursor's low bits");
_Static_assert(offsetof(struct sb_handover, consumed) == SB_CACHE_LINE, "consumer's line");
_Static_assert(offsetof(struct sb_handover, slots) == 2 * SB_CACHE_LINE, "slots begin a line");
_Static_assert(sizeof(struct sb_packet) == SB_CACHE_LINE, "one packet, one line");

uint64_t sb_handover_size(void) {
    return sizeof(struct sb_handover);
}

void sb_handover_init(struct sb_handover *ring, uint32_t slots) {
    ring->slots_max = slots;
}

bool sb_handover_push(struct sb_handover *ring, const struct sb_packet *packet) {
    uint64_t produced = ring->produced;

    if (produced - ring->consumed_seen == ring->slots_max) {
        ring->consumed_seen = __atomic_load_n(&ring->consumed, __ATOMIC_ACQUIRE);
        if (produced - ring->consumed_seen == ring->slots_max)
            return false;
    }
    ring->slots[produced & (SB_HANDOVER_SLOTS - 1)] = *packet;
    __atomic_store_n(&ring->produced, produced + 1, __ATOMIC_RELEASE);
    return true;
}

void sb_handover_close(struct sb_handover *ring) {
    __atomic_store_n(&ring->closed, 1, __ATOMIC_RELEASE);
}

uint32_t sb_handover_pop(struct sb_handover *ring, struct sb_packet *out, uint32_t count_max) {
    uint64_t consumed = ring->consumed;
    uint64_t waiting = ring->produced_seen - consumed;

    if (waiting == 0) {
        ring->produced_seen = __atomic_load_n(&ring->produced, __ATOMIC_ACQUIRE);
        waiting = ring->produced_seen - consumed;
    }
    uint32_t count = waiting < count_max ? (uint32_t)waiting : count_max;
    for (uint32_t i = 0; i < count; i++)
        out[i] = ring->slots[(consumed + i) & (SB_HANDOVER_SLOTS - 1)];
    if (count > 0)
        __atomic_store_n(&ring->consumed, consumed + count, __ATOMIC_RELEASE);
    return count;
}

bool sb_handover_finished(const struct sb_handover *ring) {
    /* closed is read first: everything pushed before it is then visible in produced. */
    return __atomic_load_n(&ring->closed, __ATOMIC_ACQUIRE) != 0 &&
           __atomic_load_n(&ring->produced, __ATOMIC_ACQUIRE) == ring->consumed;
}
