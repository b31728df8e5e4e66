/* packet.h: the only file that converts packet bytes to pointers and numbers.
 *
 * All code behind the parse stage reads headers with sb_packet_bytes and the offsets in the
 * descriptor.
 */
#ifndef SB_PACKET_H
#define SB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "abi.h"
#include "wire.h"

#define SB_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define SB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Offsets of the headers and addresses in a SB_PACKET_PLAIN. */
enum {
    SB_PLAIN_L3 = SB_ETHERNET_BYTES,
    SB_PLAIN_SOURCE = SB_PLAIN_L3 + SB_IPV4_SOURCE,
    SB_PLAIN_DESTINATION = SB_PLAIN_L3 + SB_IPV4_DESTINATION,
    SB_PLAIN_L4 = SB_PLAIN_L3 + SB_IPV4_BYTES
};

/* Whether the packet comes from outside and its addresses are known. */
static inline bool sb_is_client(const struct sb_packet *packet) {
    return packet->port == SB_PORT_OUTSIDE && packet->ip_version != 0;
}

/* A pointer to size bytes at offset, or NULL if they are not all in the first segment. */
static inline const uint8_t *sb_packet_bytes(const struct sb_packet *packet, uint32_t offset,
                                             uint32_t size) {
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)packet->data + offset;

    if (SB_UNLIKELY(offset + size > packet->available))
        return NULL;
    if (bytes == NULL) /* saves the caller a second test for NULL */
        __builtin_unreachable();
    return bytes;
}

/* A SYN without ACK and RST: it begins a connection. */
static inline bool sb_tcp_is_opening(uint32_t flags) {
    return (flags & (SB_TCP_SYN | SB_TCP_ACK | SB_TCP_RST)) == SB_TCP_SYN;
}

static inline bool sb_packet_is_opening(const struct sb_packet *packet) {
    return packet->protocol == SB_PROTOCOL_TCP && packet->l4_offset != 0 &&
           sb_tcp_is_opening(
               ((const uint8_t *)(uintptr_t)packet->data)[packet->l4_offset + SB_TCP_FLAGS]);
}

/* Load numbers in network byte order. */
static inline uint32_t sb_load16(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t sb_load32(const uint8_t *bytes) {
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap32(value);
}

/* Whether the bits of mask in the 16 bits at bytes equal value. Both are in host order, so the
 * compiler swaps these constants and not the packet's bytes. */
static inline bool sb_is_16(const uint8_t *bytes, uint16_t mask, uint16_t value) {
    uint16_t raw;

    memcpy(&raw, bytes, sizeof(raw));
    return (raw & __builtin_bswap16(mask)) == __builtin_bswap16(value);
}

/* In memory order: only for sums and comparisons. */
static inline uint64_t sb_load64_raw(const uint8_t *bytes) {
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* fe80::/10 (RFC 4291, 2.5.6). */
static inline bool sb_ipv6_is_link_local(const uint8_t *address) {
    return sb_is_16(address, 0xffc0, 0xfe80);
}

/* Whether the packet is an ICMP error, which quotes another packet: RFC 792; RFC 4443, 2.1. */
static inline bool sb_is_icmp_error(const struct sb_packet *packet) {
    const uint8_t *icmp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if (packet->l4_offset == 0)
        return false;
    if (packet->protocol == SB_PROTOCOL_ICMPV6)
        return icmp[0] < SB_ICMPV6_INFORMATIONAL;
    return packet->protocol == SB_PROTOCOL_ICMP &&
           (icmp[0] == SB_ICMP_UNREACHABLE || icmp[0] == SB_ICMP_SOURCE_QUENCH ||
            icmp[0] == SB_ICMP_REDIRECT || icmp[0] == SB_ICMP_TIME_EXCEEDED ||
            icmp[0] == SB_ICMP_PARAMETER_PROBLEM);
}

static inline uint32_t sb_load32_raw(const uint8_t *bytes) {
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Offset of the end of the IP packet, by its own length field: padding of the frame may follow. */
static inline uint32_t sb_end_of_ip(const struct sb_packet *packet) {
    const uint8_t *ip = (const uint8_t *)(uintptr_t)packet->data + packet->l3_offset;

    return packet->l3_offset + (SB_LIKELY(packet->ip_version == 4)
                                    ? sb_load16(ip + SB_IPV4_LENGTH)
                                    : SB_IPV6_BYTES + sb_load16(ip + SB_IPV6_LENGTH));
}

/* The source of a SB_PACKET_PLAIN, in host order. */
static inline uint32_t sb_plain_source(const struct sb_packet *packet) {
    return sb_load32((const uint8_t *)(uintptr_t)packet->data + SB_PLAIN_SOURCE);
}

#endif
