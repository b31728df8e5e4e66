/* forward.c: sends the remaining packets out of the other port.
 *
 * This stage only sets the verdict. The transmitting code counts forwarded packets after it has
 * sent them: with a full transmit queue, a packet that had passed is dropped (TX_FULL).
 */
#include "stages.h"

void sb_forward_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    (void)lcore, (void)now;
    for (uint32_t i = 0; i < burst->live_count; i++)
        burst->packets[burst->live[i]].verdict = SB_VERDICT_PASS;
}
