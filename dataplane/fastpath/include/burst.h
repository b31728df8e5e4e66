/* burst.h: sets of the packets of a burst; bit i is packets[i]. */
#ifndef SB_BURST_H
#define SB_BURST_H

#include "packet/packet.h"

/* Removes packets (bit i: packets[i]) from the live set. */
static inline void sb_burst_leave_out(struct sb_burst *burst, uint32_t packets) {
    uint32_t live = 0;

    for (uint32_t i = 0; i < burst->live_count; i++) {
        uint8_t index = burst->live[i];

        burst->live[live] = index;
        live += (packets >> index & 1) == 0;
    }
    burst->live_count = (uint16_t)live;
    burst->to_judge &= ~packets;
}

/* Takes the lowest packet out of a set. */
static inline uint32_t sb_take_packet(uint32_t *set) {
    uint32_t index = (uint32_t)__builtin_ctz(*set);

    *set &= *set - 1;
    return index;
}

/* The packets with the profile of the first one. The set must not be empty. */
uint32_t sb_burst_same_profile(const struct sb_burst *burst, uint32_t packets);

/* Takes the packets with the profile of the first one out of a set, which must be a part of
 * to_judge: nearly always all of them. Returns them. */
static inline uint32_t sb_burst_take_profile(const struct sb_burst *burst, uint32_t *packets) {
    uint32_t taken =
        SB_LIKELY(burst->is_one_profile) ? *packets : sb_burst_same_profile(burst, *packets);

    *packets &= ~taken;
    return taken;
}

#endif
