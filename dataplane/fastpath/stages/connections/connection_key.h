/* connection_key.h: what says which connection a packet belongs to. */
#ifndef SB_CONNECTION_KEY_H
#define SB_CONNECTION_KEY_H

#include "packet/address.h"
#include "tables/flows/flows_private.h"

/* Where an ICMP error quotes a TCP header, of which at least 8 bytes can be read: its offset from
 * the packet's first byte. 0: it does not. */
uint32_t sb_quoted_tcp(const struct sb_packet *packet);

/* The key of the connection that an ICMP error, which quotes a TCP header at tcp_offset, is about:
 * from outside it is about what the protected host has sent, from inside about what the client has.
 */
void sb_quoted_connection_key(const struct sb_flows *flows, const struct sb_packet *packet,
                              uint32_t tcp_offset, uint64_t key[2]);

/* Whether a packet is of a connection, or about one. A header that is wrong, and was let through,
 * has no payload. What is inside an encapsulation is of none: no answer could be put there. */
static inline bool sb_has_connection(const struct sb_packet *packet) {
    uint32_t type;

    if (packet->payload_offset == 0 || (packet->flags & SB_PACKET_INNER) != 0)
        return false;
    if (SB_LIKELY(packet->protocol == SB_PROTOCOL_TCP || packet->protocol == SB_PROTOCOL_UDP))
        return true;
    type = ((const uint8_t *)(uintptr_t)packet->data)[packet->l4_offset];
    if (packet->protocol == SB_PROTOCOL_ICMP
            ? type == SB_ICMP_ECHO_REQUEST || type == SB_ICMP_ECHO_REPLY
            : type == SB_ICMPV6_ECHO_REQUEST || type == SB_ICMPV6_ECHO_REPLY)
        return true;
    return sb_quoted_tcp(packet) != 0;
}

/* The key is the same in both directions: the client first. Of an echo the identifier stands for
 * the ports. Not the VLAN: answers may come back in another one. */
static inline void sb_connection_key(const struct sb_flows *flows, const struct sb_packet *packet,
                                     uint64_t key[2]) {
    const uint8_t *client = sb_client_bytes(packet);
    const uint8_t *protected_address = sb_protected_bytes(packet);
    const uint8_t *l4 = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    uint32_t ports = sb_load32_raw(l4);

    if (SB_UNLIKELY(packet->protocol != SB_PROTOCOL_TCP && packet->protocol != SB_PROTOCOL_UDP))
        ports = sb_load32_raw(l4 + SB_ICMP_ECHO_ID) & 0xffff;
    else if (packet->port == SB_PORT_INSIDE)
        ports = ports << 16 | ports >> 16;
    key[1] = (uint64_t)ports << 32 | (uint32_t)packet->protocol << 8 | packet->ip_version;
    if (SB_LIKELY(packet->ip_version == 4)) {
        key[0] = (uint64_t)sb_load32_raw(protected_address) << 32 | sb_load32_raw(client);
    } else {
        key[0] = sb_flow_fold(flows, sb_address_words(client, 6).word,
                              sb_address_words(protected_address, 6).word);
    }
}

#endif
