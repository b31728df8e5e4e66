/* replay.h: the pipeline over a capture, with the capture's own clock. */
#ifndef SB_REPLAY_H
#define SB_REPLAY_H

#include "abi.h"

enum {
    /* A burst holds what lies at most so far apart: a worker that keeps up receives no more. */
    SB_REPLAY_BURST_NS = 100000,
    SB_REPLAY_NS_PER_DS = 100000000
};

/* Runs records[0..count) of the buffer of size bytes, in their order, and writes the verdict of
 * each (enum sb_verdict). A packet whose destination alone is inside came from outside, one whose
 * source alone is inside came from inside; any other is counted and taken as from outside. Counts
 * what passes as forwarded, so the ledger holds on return. 0, or -EINVAL: a record does not lie in
 * the buffer; nothing was run. */
int sb_replay_run(struct sb_replay *replay, uint8_t *buffer, uint64_t size,
                  const struct sb_replay_record *records, uint32_t count, uint8_t *verdicts);

#endif
