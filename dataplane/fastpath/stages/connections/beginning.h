/* beginning.h: how a connection begins: by a SYN, by a cookie, or met in its midst. */
#ifndef SB_CONNECTIONS_BEGINNING_H
#define SB_CONNECTIONS_BEGINNING_H

#include "work.h"

/* Whether a connection may be met in its midst, as the node has not been running for long. */
bool sb_begin_is_learning(const struct sb_connections_work *work);

/* A SYN from outside that could begin a connection. True: the SYN proxy answers it, or it was
 * dropped. */
bool sb_begin_by_syn(struct sb_connections_work *work, uint32_t index);

/* A client's SYN, of a connection that the SYN proxy is opening. */
bool sb_begin_answer_again(struct sb_connections_work *work, uint32_t index);

/* Sends what sb_begin_by_syn has promised, several answers together. */
void sb_begin_answer_all(struct sb_connections_work *work);

/* Another segment from outside that may bring back a cookie. True: the SYN proxy has taken it, or
 * it was dropped. flow: a connection in its place, which gives way to it; or NULL. */
bool sb_begin_by_cookie(struct sb_connections_work *work, uint32_t index, struct sb_flow *flow,
                        const struct sb_segment *segment);

/* True: dropped for what the limits of new connections say, where nobody has paid them yet. */
bool sb_begin_charge(struct sb_connections_work *work, uint32_t index);

/* A connection that has just been proven, whichever side's segment has done it. True: its source
 * has as many as the profile allows, so it is reset and the packet dropped. */
bool sb_begin_is_one_too_many(struct sb_connections_work *work, uint32_t index,
                              struct sb_flow *flow, const struct sb_segment *segment);

/* A TCP segment of no known connection. True: dropped. options: of a SYN. */
bool sb_begin_tcp(struct sb_connections_work *work, uint32_t index,
                  const struct sb_segment *segment, const struct sb_tcp_options *options);

/* A place for a new one. True: there is none, and the packet was dropped; no place and not dropped:
 * it goes on as if it belonged to no connection. */
bool sb_begin_flow(struct sb_connections_work *work, uint32_t index, struct sb_flow **flow);

/* What a client's SYN offers says what the protected host's answer means. may_offer: what
 * all SYNs before it have offered: which of them the host answers, nobody knows. */
void sb_begin_note_offers(const struct sb_connections_work *work, const struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment,
                          const struct sb_tcp_options *options, uint32_t may_offer);

#endif
