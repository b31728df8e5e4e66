/* explain_private.h: the state that the files of explain share. */
#ifndef SB_EXPLAIN_PRIVATE_H
#define SB_EXPLAIN_PRIVATE_H

#include <stdbool.h>

#include "explain.h"

enum { SB_EXPLAIN_FRAME_BYTES = 128 };

/* The state of one explained packet. */
struct sb_explaining {
    struct sb_lcore *scratch;
    const struct sb_lcore *owner; /* the worker that owns the source */
    const struct sb_node *node;
    const struct sb_explain_packet *asked;
    const struct sb_time *now;
    struct sb_burst *burst; /* with the one packet */
    struct sb_packet_explained *out;
    bool has_destination;
};

/* Writes the frame and makes it the burst's only packet. */
void sb_explain_frame(const struct sb_explain_packet *asked, uint8_t frame[SB_EXPLAIN_FRAME_BYTES],
                      struct sb_burst *burst);

/* In place of the stages lists, limits and connections: call sb_reject for their reasons against
 * the packet, and write what their tables know about it. */
void sb_explain_lists(struct sb_explaining *work);
void sb_explain_limits(struct sb_explaining *work);
void sb_explain_connections(struct sb_explaining *work);

#endif
