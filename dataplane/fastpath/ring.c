/* ring.c: see ring.h.
 *
 * Memory order: the producer writes the slot, then releases its cursor. The consumer acquires that
 * cursor, copies the slot, then releases its own cursor. The consumer validates the copy, never the
 * slot, because the other side may still be writing to the slot.
 */
#include "ring.h"

#include <errno.h>
#include <string.h>

enum { MASK = SB_RING_SLOTS - 1 };

_Static_assert((SB_RING_SLOTS & MASK) == 0, "a power of two");
_Static_assert(sizeof(struct sb_ring_element) == SB_CACHE_LINE, "one line each");
_Static_assert(sizeof(struct sb_ring_consumer) == SB_PAGE, "the cursor has its page to itself");
_Static_assert(__builtin_offsetof(struct sb_ring_producer, slots) == SB_PAGE, "so has the other");

int sb_ring_push(struct sb_ring_producer *producer, const struct sb_ring_consumer *consumer,
                 struct sb_ring_element *element) {
    uint64_t head = producer->cursor;
    uint64_t used = head - __atomic_load_n(&consumer->cursor, __ATOMIC_ACQUIRE);

    if (used > SB_RING_SLOTS)
        return -EPROTO;
    if (used == SB_RING_SLOTS)
        return -ENOSPC;
    element->sequence = head + 1;
    memcpy(&producer->slots[head & MASK], element, sizeof(*element));
    __atomic_store_n(&producer->cursor, head + 1, __ATOMIC_RELEASE);
    return 0;
}

int sb_ring_pop(const struct sb_ring_producer *producer, struct sb_ring_consumer *consumer,
                struct sb_ring_element *out) {
    uint64_t tail = consumer->cursor;
    uint64_t used = __atomic_load_n(&producer->cursor, __ATOMIC_ACQUIRE) - tail;

    if (used == 0)
        return 0;
    if (used > SB_RING_SLOTS)
        return -EPROTO;
    memcpy(out, &producer->slots[tail & MASK], sizeof(*out));
    if (out->sequence != tail + 1)
        return -EPROTO;
    __atomic_store_n(&consumer->cursor, tail + 1, __ATOMIC_RELEASE);
    return 1;
}
