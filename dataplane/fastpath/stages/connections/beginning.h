/* beginning.h: how the record of a connection begins: with a SYN, with a cookie, or with a segment
 * of a connection that is already open (picked up). */
#ifndef SB_CONNECTIONS_BEGINNING_H
#define SB_CONNECTIONS_BEGINNING_H

#include "work.h"

/* Whether the node is learning: it started a short time ago and picks up connections. */
bool sb_begin_is_learning(const struct sb_connections_work *work);

/* A SYN from outside that could begin a connection. True: the SYN proxy answers it, or it was
 * dropped. */
bool sb_begin_by_syn(struct sb_connections_work *work, uint32_t index);

/* A repeated SYN from the client of a connection that the SYN proxy is opening. True: the packet
 * was answered, consumed or dropped. */
bool sb_begin_answer_again(struct sb_connections_work *work, uint32_t index);

/* Sends the answers to the SYNs that sb_begin_by_syn and sb_begin_answer_again have marked. */
void sb_begin_answer_all(struct sb_connections_work *work);

/* Another segment from outside that may return a cookie. True: the SYN proxy has taken it, or it
 * was dropped. flow: the record with the same key, which ends if the cookie is valid; or NULL. */
bool sb_begin_by_cookie(struct sb_connections_work *work, uint32_t index, struct sb_flow *flow,
                        const struct sb_segment *segment);

/* Charges the limits of new connections for a packet that the limits stage has not charged, because
 * the SYN proxy could have answered it. True: a limit has dropped the packet. */
bool sb_begin_charge(struct sb_connections_work *work, uint32_t index);

/* For a connection that a segment of either side has just proven. True: its source has as many
 * connections as the profile allows, so the connection is reset and the packet dropped. */
bool sb_begin_is_one_too_many(struct sb_connections_work *work, uint32_t index,
                              struct sb_flow *flow, const struct sb_segment *segment);

/* A TCP segment that belongs to no known connection. True: dropped. options: those of a SYN. */
bool sb_begin_tcp(struct sb_connections_work *work, uint32_t index,
                  const struct sb_segment *segment, const struct sb_tcp_options *options);

/* Takes a place for a new connection. True: there is no place, and the packet was dropped. False
 * with *flow NULL: there is no place, and the packet continues as if it belonged to no connection.
 */
bool sb_begin_flow(struct sb_connections_work *work, uint32_t index, struct sb_flow **flow);

/* Records the options that a client's SYN offers, and passes on the protected host's answer to
 * sb_proxy_learn: what the answer says about the host depends on the offer. may_offer: the options
 * that all earlier SYNs offered; others are ignored, because the node can't know which SYN the host
 * answers. */
void sb_begin_note_offers(const struct sb_connections_work *work, const struct sb_packet *packet,
                          struct sb_flow *flow, const struct sb_segment *segment,
                          const struct sb_tcp_options *options, uint32_t may_offer);

#endif
