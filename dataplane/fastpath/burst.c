#include "burst.h"

uint32_t sb_burst_same_profile(const struct sb_burst *burst, uint32_t packets) {
    uint32_t profile = burst->packets[__builtin_ctz(packets)].profile, same = 0;

    while (packets != 0) {
        uint32_t i = sb_take_packet(&packets);

        same |= (uint32_t)(burst->packets[i].profile == profile) << i;
    }
    return same;
}
