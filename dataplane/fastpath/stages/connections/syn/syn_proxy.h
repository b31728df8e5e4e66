/* syn_proxy.h: the SYN proxy, as the connections stage uses it (RFC 4987, 3.7).
 *
 * The node answers a client's SYN with a cookie and stores nothing. A client that returns the
 * cookie has proven that it receives packets sent to its address. The node then opens a connection
 * to the protected host with the client's sequence numbers, and holds what the client sends
 * meanwhile. The host chooses another initial sequence number than the cookie, so from then on the
 * node translates the host's sequence numbers, the client's acknowledgments and SACK blocks,
 * timestamps and windows.
 */
#ifndef SB_SYN_PROXY_H
#define SB_SYN_PROXY_H

#include "packet/tcp_frame.h"
#include "packet/verdict.h"
#include "stages/connections/tcp_state.h"
#include "tables/flows/openings.h"

/* Bytes that a client may send before the protected host has answered. */
enum { SB_PROXY_WINDOW = SB_HELD_MAX * 1460 };

/* The context of the functions below. */
struct sb_proxy {
    struct sb_lcore *lcore;
    const struct sb_node *node;
    struct sb_syn_proxy_table *table;
    struct sb_flows *flows;
    const struct sb_time *now;
    /* Of cookies. One value for the whole burst, even if the control loop changes the slot. */
    uint32_t slot;
};

static inline struct sb_proxy sb_proxy_of(struct sb_lcore *lcore, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return (struct sb_proxy){
        .lcore = lcore,
        .node = node,
        .table = (struct sb_syn_proxy_table *)(uintptr_t)lcore->syn_proxy,
        .flows = (struct sb_flows *)(uintptr_t)lcore->flows,
        .now = now,
        .slot = __atomic_load_n(&node->cookie_slot, __ATOMIC_ACQUIRE), /* read before its key */
    };
}

/* Whether the packet's destination, whose profile has syn_proxy = AUTO, is under attack, or the
 * profile as a whole is. */
bool sb_proxy_is_attacked(const struct sb_proxy *proxy, const struct sb_packet *packet,
                          uint32_t rate, bool is_syn);

/* Whether the SYN proxy is on for new connections to a packet's destination. is_syn: the packet is
 * a SYN that counts towards the threshold. */
static inline bool sb_proxy_is_on(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                  bool is_syn) {
    const struct sb_profile *profile = sb_profile_of(proxy->lcore, packet);

    if (proxy->table == NULL || proxy->lcore->outbox == 0 || proxy->slot == 0 ||
        profile->syn_proxy == SB_SYN_PROXY_OFF)
        return false;
    return profile->syn_proxy == SB_SYN_PROXY_ALWAYS ||
           sb_proxy_is_attacked(proxy, packet, profile->syn_rate, is_syn);
}

/* Counts a completed handshake with a client, for the packet's destination. */
void sb_proxy_count_completed(const struct sb_proxy *proxy, const struct sb_packet *packet);

static inline struct sb_address_words sb_protected_words(const struct sb_packet *packet) {
    return sb_address_words(sb_protected_bytes(packet), packet->ip_version);
}

static inline uint32_t sb_protected_port(const struct sb_packet *packet) {
    const uint8_t *ports = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    return sb_load16(
        ports + (packet->port == SB_PORT_OUTSIDE ? SB_L4_DESTINATION_PORT : SB_L4_SOURCE_PORT));
}

/* Whether a client may still return a cookie, although the proxy is off now. */
static inline bool sb_proxy_was_on(const struct sb_proxy *proxy) {
    return proxy->table != NULL && proxy->lcore->outbox != 0 && proxy->table->answered_ds != 0 &&
           proxy->now->boot_ds - proxy->table->answered_ds < 2 * SB_COOKIE_SLOT_S * 10;
}

/* Whether a SYN goes from one host to one host. A host does not answer a SYN to a group either (RFC
 * 1122, 4.2.3.10; for frames to a group, 3.3.6), and a group is no valid source (RFC 1112, 7.2). */
static inline bool sb_proxy_may_answer(const struct sb_packet *packet) {
    const uint8_t *ethernet = (const uint8_t *)(uintptr_t)packet->data;

    return ((ethernet[0] | ethernet[SB_ETHERNET_MACS / 2]) & 1) == 0 &&
           sb_address_is_of_one_host(sb_protected_bytes(packet), packet->ip_version) &&
           sb_address_is_of_one_host(sb_client_bytes(packet), packet->ip_version);
}

enum sb_syn_choice {
    SB_SYN_ANSWER,
    SB_SYN_PASS,  /* to the host: to learn its options, or because only the host can answer */
    SB_SYN_REFUSE /* only the host can answer, and the allowance for such SYNs is used up */
};

/* Decides what to do with a client's SYN. */
enum sb_syn_choice sb_proxy_choose(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                   const struct sb_tcp_options *options);

/* Replaces clients' SYNs by their answers. packets: bit i stands for burst->packets[i], with
 * options[i]. */
void sb_proxy_answer(const struct sb_proxy *proxy, struct sb_burst *burst, uint32_t packets,
                     const struct sb_tcp_options *options);

/* Sets the IP header fields of a packet in the name of a protected host to the values that the host
 * uses, as far as they are known. host NULL: they are not; the lifetime then follows the client's,
 * because a client may check for a router on the path (RFC 5082). */
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

/* The index of the MSS if a segment without SYN and RST returns a valid cookie; else a negative
 * number. */
int sb_proxy_accepts(const struct sb_proxy *proxy, const struct sb_packet *packet,
                     const struct sb_segment *segment);

/* Whether there is room to open one more connection of that source. */
bool sb_proxy_may_open(const struct sb_proxy *proxy, const struct sb_packet *packet,
                       uint64_t source);

/* Opens the connection of a client that has returned a cookie. The packet is held; without room to
 * track the connection it is dropped. source: a hash, see sb_flow_prove. */
void sb_proxy_open(const struct sb_proxy *proxy, struct sb_packet *packet,
                   const struct sb_segment *segment, int mss_index, const uint64_t key[2],
                   uint64_t hash, uint64_t source);

/* Handles a packet from either side of a connection that is being opened: holds, consumes or drops
 * it. A client's SYN does not come here; it is answered again. */
void sb_proxy_wait(const struct sb_proxy *proxy, struct sb_packet *packet, struct sb_flow *flow,
                   const struct sb_segment *segment);

/* Records the options with which a protected host answered a SYN that offered these options. */
void sb_proxy_learn(const struct sb_proxy *proxy, const struct sb_packet *packet,
                    bool offered_scale, bool offered_times, bool offered_sack);

/* Switches the proxy off for destinations whose flood has ended, and reports each as an event. Each
 * call checks a bounded number of destinations. */
void sb_proxy_report_off(const struct sb_proxy *proxy);

/* Repeats SYNs and gives up connections whose host does not answer. Each call handles a bounded
 * number of openings. */
void sb_proxy_tick(const struct sb_proxy *proxy);

#endif
