/* replay_offload.h: corrects packets that a capture shows in the state before a NIC completed them,
 * or with additional bytes.
 *
 * In a capture on their sender, packets have no length if the NIC segments them (TSO), or if they
 * are larger than a length field permits (BIG TCP). A capture of a mirror port may have bytes
 * behind the packet. A node never receives such packets from the wire.
 */
#ifndef SB_REPLAY_OFFLOAD_H
#define SB_REPLAY_OFFLOAD_H

#include "abi.h"

/* The place where a length was set that the capture does not have; field NULL: nowhere. */
struct sb_replay_length {
    uint8_t *field;
    uint8_t *jumbo; /* the option that was in the same place, or NULL */
};

/* Sets the length of a parsed packet without one to that of its frame, at most 65,535 bytes, counts
 * it, and parses it again. Does not change other packets. */
struct sb_replay_length sb_replay_set_length(struct sb_replay *replay, struct sb_packet *packet);
void sb_replay_restore_length(const struct sb_replay_length *set);

/* Removes bytes behind the IP packet, except the padding of a short frame, from the length. */
void sb_replay_drop_surplus(struct sb_replay *replay, struct sb_packet *packet);

#endif
