/* forward.c: the survivors go out of the other port.
 *
 * Only the verdict is set here. The transmitting code counts forwarded, once the packet is sent:
 * a full transmit queue is a drop (TX_FULL) of a packet that had passed.
 */
#include "stages.h"

void sb_forward_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    (void)lcore, (void)now;
    for (uint32_t i = 0; i < burst->live_count; i++)
        burst->packets[burst->live[i]].verdict = SB_VERDICT_PASS;
}
