/* replay_offload.h: what a capture shows of packets that a NIC finishes, or that one has added to.
 *
 * Captured on their sender, packets have no length where the NIC segments them (TSO), or where
 * they are larger than a length field can say (BIG TCP). A capture of a mirror port may have bytes
 * behind the packet. None of that is on the wire that a node is in. */
#ifndef SB_REPLAY_OFFLOAD_H
#define SB_REPLAY_OFFLOAD_H

#include "abi.h"

/* Where a length was set that the capture does not have; field NULL: nowhere. */
struct sb_replay_length {
    uint8_t *field;
    uint8_t *jumbo; /* the option that was in its place, or NULL */
};

/* Gives a parsed packet the length that its frame has, at most 65,535 bytes, counts it, and parses
 * it again; leaves any other alone. */
struct sb_replay_length sb_replay_set_length(struct sb_replay *replay, struct sb_packet *packet);
void sb_replay_restore_length(const struct sb_replay_length *set);

/* Takes bytes behind the IP packet that are no padding of a short frame from the length. */
void sb_replay_drop_surplus(struct sb_replay *replay, struct sb_packet *packet);

#endif
