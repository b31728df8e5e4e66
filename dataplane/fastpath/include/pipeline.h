/* pipeline.h: the pipeline as one function of (burst, time).
 *
 * The layer above the stages; no stage includes it. The worker loop, replay and the tests call the
 * same code.
 */
#ifndef SB_PIPELINE_H
#define SB_PIPELINE_H

#include "abi.h"

/* Runs every stage over burst->packets[0..count): parse to forward. The caller has set mbuf, data,
 * rx_tsc, length, available (at most length), port, and flags (CUT, CHECKSUM_GOOD and L4_GOOD, or
 * 0). Afterwards each packet has its verdict. HANDED_OVER: the packet goes to the lcore
 * packet.owner, which calls sb_pipeline_resume.
 *
 * Held packets that a stage has released go through the stages behind CONNECTIONS at the end of the
 * run, in separate bursts and under the current policy. Each run, resume and idle leaves them with
 * their verdicts in lcore->outbox, from where the caller takes them.
 *
 * The ledger of the rx port is received = forwarded + consumed + sum(dropped) + held_now. The
 * pipeline counts received, dropped and held_now; stages count consumed (sb_consume); the
 * transmitting code counts forwarded when it has sent a packet with verdict PASS, or calls
 * sb_drop(TX_FULL).
 */
void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Runs the stages after OWNER, for packets that another lcore has received and handed over. Their
 * descriptors are unchanged since OWNER, except for the profile: it is selected again, because the
 * policy may have changed. Subtracts them from held_now. */
void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* The work of a turn without packets: ends expired connections, and repeats segments that were not
 * answered. */
void sb_pipeline_idle(struct sb_lcore *lcore, const struct sb_time *now);

#endif
