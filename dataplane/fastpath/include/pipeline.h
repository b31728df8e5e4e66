/* pipeline.h: the pipeline as one function of (burst, time).
 *
 * Above the stages, none of which includes it: the worker loop, replay and the tests call the same
 * code.
 */
#ifndef SB_PIPELINE_H
#define SB_PIPELINE_H

#include "abi.h"

/* Runs every stage over burst->packets[0..count): parse to forward. The caller has filled mbuf,
 * data, rx_tsc, length, available (at most length), port, and flags (CUT, CHECKSUM_GOOD and
 * L4_GOOD, or 0). Afterwards each packet has its verdict; HANDED_OVER means: to the lcore
 * packet.owner, which calls sb_pipeline_resume.
 *
 * Packets that were held before, and that a stage has released, go through the stages behind
 * CONNECTIONS at the end of the run, in bursts of their own and under the policy of now; each run,
 * resume and idle leaves them with their verdicts in lcore->outbox, for the caller to take.
 *
 * The ledger received = forwarded + consumed + sum(dropped) + held_now of the rx port: the pipeline
 * counts received, dropped and held_now, stages count consumed (sb_consume); the transmitting code
 * counts forwarded once a packet with verdict PASS is on its way, or sb_drop(TX_FULL). */
void sb_pipeline_run(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* The stages after OWNER, for packets another lcore has received and handed over: their descriptors
 * are as sb_pipeline_run left them there, but for the profile, which is selected anew: the policy
 * may have changed. Takes them out of held_now. */
void sb_pipeline_resume(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* What a turn without a packet has time for: ends connections that are over, sends again what was
 * not answered. */
void sb_pipeline_idle(struct sb_lcore *lcore, const struct sb_time *now);

#endif
