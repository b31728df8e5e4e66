/* syn_proxy.h: the SYN proxy, as the connections stage uses it (RFC 4987, 3.7).
 *
 * A client's SYN is answered with a cookie and forgotten. Who brings the cookie back receives what
 * is sent to it: then a connection to the protected host is opened with the client's own sequence
 * numbers, and what the client sends meanwhile is held. The host numbers its bytes otherwise than
 * the cookie has promised: from then on sequence numbers of the host, acknowledgments and SACK
 * blocks of the client, timestamps and windows are translated.
 */
#ifndef SB_SYN_PROXY_H
#define SB_SYN_PROXY_H

#include "packet/tcp_frame.h"
#include "packet/verdict.h"
#include "stages/connections/tcp_state.h"
#include "tables/flows/openings.h"

/* What may come from a client before the protected host has answered: bytes. */
enum { SB_PROXY_WINDOW = SB_HELD_MAX * 1460 };

/* What the functions below work with. */
struct sb_proxy {
    struct sb_lcore *lcore;
    const struct sb_node *node;
    struct sb_syn_proxy_table *table;
    struct sb_flows *flows;
    const struct sb_time *now;
    uint32_t slot; /* of cookies: one for a whole burst, whenever the control loop moves on */
};

static inline struct sb_proxy sb_proxy_of(struct sb_lcore *lcore, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return (struct sb_proxy){
        .lcore = lcore,
        .node = node,
        .table = (struct sb_syn_proxy_table *)(uintptr_t)lcore->syn_proxy,
        .flows = (struct sb_flows *)(uintptr_t)lcore->flows,
        .now = now,
        .slot = __atomic_load_n(&node->cookie_slot, __ATOMIC_ACQUIRE), /* then its key */
    };
}

/* Whether a protected address whose profile says AUTO is under attack, or the profile as a whole.
 */
bool sb_proxy_is_attacked(const struct sb_proxy *proxy, const struct sb_packet *packet,
                          uint32_t rate, bool is_syn);

/* Whether new connections to a packet's destination go through it. is_syn: the packet is one more
 * SYN, which may switch it on. */
static inline bool sb_proxy_is_on(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                  bool is_syn) {
    const struct sb_profile *profile = sb_profile_of(proxy->lcore, packet);

    if (proxy->table == NULL || proxy->lcore->outbox == 0 || proxy->slot == 0 ||
        profile->syn_proxy == SB_SYN_PROXY_OFF)
        return false;
    return profile->syn_proxy == SB_SYN_PROXY_ALWAYS ||
           sb_proxy_is_attacked(proxy, packet, profile->syn_rate, is_syn);
}

/* A client of a packet's destination has completed a handshake. */
void sb_proxy_count_completed(const struct sb_proxy *proxy, const struct sb_packet *packet);

static inline struct sb_address_words sb_protected_words(const struct sb_packet *packet) {
    return sb_address_words(sb_protected_bytes(packet), packet->ip_version);
}

static inline uint32_t sb_protected_port(const struct sb_packet *packet) {
    const uint8_t *ports = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    return sb_load16(
        ports + (packet->port == SB_PORT_OUTSIDE ? SB_L4_DESTINATION_PORT : SB_L4_SOURCE_PORT));
}

/* Whether a client may still return a cookie, though the proxy is off by now. */
static inline bool sb_proxy_was_on(const struct sb_proxy *proxy) {
    return proxy->table != NULL && proxy->lcore->outbox != 0 && proxy->table->answered_ds != 0 &&
           proxy->now->boot_ds - proxy->table->answered_ds < 2 * SB_COOKIE_SLOT_S * 10;
}

/* Whether a SYN is from one host to one host: to others a host does not answer either (RFC 1122,
 * 4.2.3.10; 3.3.6 of frames to a group), and no answer comes from a group (RFC 1112, 7.2). */
static inline bool sb_proxy_may_answer(const struct sb_packet *packet) {
    const uint8_t *ethernet = (const uint8_t *)(uintptr_t)packet->data;

    return ((ethernet[0] | ethernet[SB_ETHERNET_MACS / 2]) & 1) == 0 &&
           sb_address_is_of_one_host(sb_protected_bytes(packet), packet->ip_version) &&
           sb_address_is_of_one_host(sb_client_bytes(packet), packet->ip_version);
}

enum sb_syn_choice {
    SB_SYN_ANSWER,
    SB_SYN_PASS,  /* to the protected host: to learn its options, or as only it can answer */
    SB_SYN_REFUSE /* only the host can answer, and too many such have passed */
};

/* What becomes of a client's SYN. */
enum sb_syn_choice sb_proxy_choose(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                   const struct sb_tcp_options *options);

/* Clients' SYNs become their answers. packets: bit i: burst->packets[i], with options[i]. */
void sb_proxy_answer(const struct sb_proxy *proxy, struct sb_burst *burst, uint32_t packets,
                     const struct sb_tcp_options *options);

/* What the IP header of a packet in the name of a protected host says: what that says itself, as
 * far as is known. Else a client that may check for a router on the way (RFC 5082) gets
 * what it sends. host: NULL: nothing is known. */
static inline void sb_proxy_speak_as(const struct sb_host_options *host,
                                     const struct sb_packet *client, struct sb_tcp_header *header) {
    if (host == NULL) {
        header->lifetime = sb_ip_lifetime(client) == SB_IP_LIFETIME_MAX ? SB_IP_LIFETIME_MAX
                                                                        : SB_IP_LIFETIME_DEFAULT;
        header->traffic_class = 0;
    } else {
        header->lifetime = host->lifetime;
        header->traffic_class = host->traffic_class;
    }
}

/* Index of the MSS if a segment, neither SYN nor RST, brings back a cookie; else negative. */
int sb_proxy_accepts(const struct sb_proxy *proxy, const struct sb_packet *packet,
                     const struct sb_segment *segment);

/* Whether there is room to open one more connection, of that source. */
bool sb_proxy_may_open(const struct sb_proxy *proxy, const struct sb_packet *packet,
                       uint64_t source);

/* Opens the connection of a client that has brought a cookie, where there is room: the packet is
 * held, or dropped where no place is left to track it. source: a hash, see sb_flow_prove. */
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

/* Switches the proxy off for destinations whose flood is over, and reports each as an event; a
 * bounded part at each call. */
void sb_proxy_report_off(const struct sb_proxy *proxy);

/* Sends SYNs again, gives up, tells; a bounded part at each call. */
void sb_proxy_tick(const struct sb_proxy *proxy);

#endif
