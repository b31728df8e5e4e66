/* proxy.h: the SYN proxy, as the connections stage uses it (RFC 4987, 3.7).
 *
 * A client's SYN is answered with a cookie and forgotten. Who brings the cookie back receives what
 * is sent to it: then a connection to the protected host is opened with the client's own sequence
 * numbers, and what the client sends meanwhile is held. The host numbers its bytes otherwise than
 * the cookie has promised: from then on sequence numbers of the host, acknowledgments and SACK
 * blocks of the client, timestamps and windows are translated.
 */
#ifndef SB_PROXY_H
#define SB_PROXY_H

#include "../tables/openings.h"
#include "pipeline.h"
#include "tcp_frame.h"
#include "tcp_state.h"

/* What may come from a client before the protected host has answered: bytes. */
enum { SB_PROXY_WINDOW = SB_HELD_MAX * 1460 };

/* What the functions below work with. */
struct sb_proxy {
    struct sb_lcore *lcore;
    const struct sb_node *node;
    struct sb_syn_proxy_table *table;
    struct sb_flows *flows;
    struct sb_outbox *outbox;
    const struct sb_time *now;
};

static inline struct sb_proxy sb_proxy_of(struct sb_lcore *lcore, const struct sb_time *now) {
    return (struct sb_proxy){
        .lcore = lcore,
        .node = (const struct sb_node *)(uintptr_t)lcore->node,
        .table = (struct sb_syn_proxy_table *)(uintptr_t)lcore->syn_proxy,
        .flows = (struct sb_flows *)(uintptr_t)lcore->flows,
        .outbox = (struct sb_outbox *)(uintptr_t)lcore->outbox,
        .now = now,
    };
}

/* Whether a protected address whose profile says AUTO is under attack. */
bool sb_proxy_is_attacked(const struct sb_proxy *proxy, const struct sb_packet *packet,
                          uint32_t rate, bool is_syn);

/* Whether new connections to a packet's destination go through it. is_syn: the packet is one more
 * SYN, which may switch it on. */
static inline bool sb_proxy_is_on(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                  bool is_syn) {
    const struct sb_profile *profile = sb_profile_of(proxy->lcore, packet);

    if (proxy->table == NULL || proxy->outbox == NULL || proxy->node->cookie_slot == 0 ||
        profile->syn_proxy == SB_SYN_PROXY_OFF)
        return false;
    return profile->syn_proxy == SB_SYN_PROXY_ALWAYS ||
           sb_proxy_is_attacked(proxy, packet, profile->syn_rate, is_syn);
}

/* A client of a packet's destination has completed a handshake. */
void sb_proxy_count_completed(const struct sb_proxy *proxy, const struct sb_packet *packet);

static inline struct sb_address_words sb_protected_words(const struct sb_packet *packet) {
    return sb_address_words((const uint8_t *)(uintptr_t)packet->data + packet->protected_offset,
                            packet->ip_version);
}

static inline uint32_t sb_protected_port(const struct sb_packet *packet) {
    const uint8_t *ports = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    return sb_load16(packet->port == SB_PORT_OUTSIDE ? ports + 2 : ports);
}

/* Whether somebody may come back with a cookie, though it is off by now. */
static inline bool sb_proxy_was_on(const struct sb_proxy *proxy) {
    return proxy->table != NULL && proxy->outbox != NULL && proxy->table->answered_ds != 0 &&
           proxy->now->boot_ds - proxy->table->answered_ds < 2 * SB_COOKIE_SLOT_S * 10;
}

/* Whether a client's SYN is to go to the protected host, as nobody knows what that can and the SYN
 * asks for everything: one a second at most. */
bool sb_proxy_must_ask(const struct sb_proxy *proxy, const struct sb_packet *packet);

/* Clients' SYNs become their answers. packets: bit i: burst->packets[i]. */
void sb_proxy_answer(const struct sb_proxy *proxy, struct sb_burst *burst, uint32_t packets);

/* Index of the MSS if a segment, neither SYN nor RST, brings back a cookie; else negative. */
int sb_proxy_accepts(const struct sb_proxy *proxy, const struct sb_packet *packet,
                     const struct sb_segment *segment);

/* Opens the connection of a client that has brought a cookie: the packet is held, or dropped where
 * there is no room. source: a hash, see sb_flow_prove. */
void sb_proxy_open(const struct sb_proxy *proxy, struct sb_packet *packet,
                   const struct sb_segment *segment, int mss_index, const uint64_t key[2],
                   uint64_t hash, uint64_t source);

/* A packet of a connection that is being opened, from either side, but for a client's SYN, which is
 * answered again: held, consumed, dropped. */
void sb_proxy_wait(const struct sb_proxy *proxy, struct sb_packet *packet, struct sb_flow *flow,
                   const struct sb_segment *segment);

/* Remembers what a protected host has answered a SYN with that offered so much. */
void sb_proxy_learn(const struct sb_proxy *proxy, const struct sb_packet *packet,
                    bool offered_scale, bool offered_times, bool offered_sack);

/* Says that it is off where nobody asks any more; a bounded part at each call. */
void sb_proxy_tell_off(const struct sb_proxy *proxy);

/* Sends SYNs again, gives up, tells; a bounded part at each call. */
void sb_proxy_tick(const struct sb_proxy *proxy);

#endif
