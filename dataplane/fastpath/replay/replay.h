/* replay.h: runs the pipeline over a capture, with the capture's own clock. */
#ifndef SB_REPLAY_H
#define SB_REPLAY_H

#include "abi.h"

enum {
    /* Maximum time between the packets of a burst: a worker that is not overloaded receives no more
     * at once. */
    SB_REPLAY_BURST_NS = 100000,
    SB_REPLAY_NS_PER_DS = 100000000
};

/* Runs records[0..count) in the buffer of size bytes, in their order, and writes the verdict of
 * each (enum sb_verdict). If only the destination is inside, the packet came from outside; if only
 * the source is inside, it came from inside; any other packet is counted and treated as from
 * outside. Packets that pass count as forwarded, so the ledger is true on return. 0, or -EINVAL: a
 * record is not within the buffer; nothing was run. */
int sb_replay_run(struct sb_replay *replay, uint8_t *buffer, uint64_t size,
                  const struct sb_replay_record *records, uint32_t count, uint8_t *verdicts);

#endif
