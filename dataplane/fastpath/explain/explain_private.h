/* explain_private.h: what the parts of explain.h share. */
#ifndef SB_EXPLAIN_PRIVATE_H
#define SB_EXPLAIN_PRIVATE_H

#include <stdbool.h>

#include "explain.h"

enum { SB_EXPLAIN_FRAME_BYTES = 128 };

/* One question on its way through the stages. */
struct sb_explaining {
    struct sb_lcore *scratch;
    const struct sb_lcore *owner; /* the worker whose source it is */
    const struct sb_node *node;
    const struct sb_explain_packet *asked;
    const struct sb_time *now;
    struct sb_burst *burst; /* of the one packet */
    struct sb_packet_explained *out;
    bool has_destination;
};

/* Writes the frame and makes it the burst's only packet. */
void sb_explain_frame(const struct sb_explain_packet *asked, uint8_t frame[SB_EXPLAIN_FRAME_BYTES],
                      struct sb_burst *burst);

/* As a stage: sb_reject what the lists, the limits, the connections have against the packet, and
 * write what they know of it. */
void sb_explain_lists(struct sb_explaining *work);
void sb_explain_limits(struct sb_explaining *work);
void sb_explain_connections(struct sb_explaining *work);

#endif
