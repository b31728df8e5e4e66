/* connection_key.h: the key that assigns a packet to its connection. */
#ifndef SB_CONNECTION_KEY_H
#define SB_CONNECTION_KEY_H

#include "packet/address.h"
#include "tables/flows/flows_private.h"

/* Offset, from the packet's first byte, of the TCP header that an ICMP error quotes, if at least 8
 * bytes of that header are readable; else 0. */
uint32_t sb_quoted_tcp(const struct sb_packet *packet);

/* The key of the connection that an ICMP error refers to. The error quotes a TCP header at
 * tcp_offset. An error from outside quotes a packet of the protected host, an error from inside a
 * packet of the client.
 */
void sb_quoted_connection_key(const struct sb_flows *flows, const struct sb_packet *packet,
                              uint32_t tcp_offset, uint64_t key[2]);

/* Whether a packet belongs to a connection or is an ICMP error about one. A packet with a wrong
 * header that a mode has let pass has payload_offset 0. Encapsulated packets belong to no
 * connection, because the node could not write an answer in their place. */
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

/* The key is the same in both directions: the client's address comes first. For ICMP echo, the
 * identifier takes the place of the ports. The VLAN is not part of the key, because answers may use
 * another VLAN. */
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
