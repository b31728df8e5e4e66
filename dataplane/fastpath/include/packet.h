/* packet.h: the only place where packet bytes become pointers and numbers.
 *
 * Everything beyond parse.c reads headers through sb_packet_bytes and the offsets in the
 * descriptor.
 */
#ifndef SB_PACKET_H
#define SB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "abi.h"

#define SB_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define SB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum sb_protocol {
    SB_PROTOCOL_ICMP = 1,
    SB_PROTOCOL_TCP = 6,
    SB_PROTOCOL_UDP = 17,
    SB_PROTOCOL_ICMPV6 = 58
};

/* Where a SB_PACKET_PLAIN has its headers and addresses. */
enum {
    SB_PLAIN_L3 = 14,
    SB_PLAIN_SOURCE = SB_PLAIN_L3 + 12,
    SB_PLAIN_DESTINATION = SB_PLAIN_L3 + 16,
    SB_PLAIN_L4 = SB_PLAIN_L3 + 20
};

/* size bytes at offset, or NULL where they do not all lie in the first segment. */
static inline const uint8_t *sb_packet_bytes(const struct sb_packet *packet, uint32_t offset,
                                             uint32_t size) {
    const uint8_t *bytes = (const uint8_t *)(uintptr_t)packet->data + offset;

    if (SB_UNLIKELY(offset + size > packet->available))
        return NULL;
    if (bytes == NULL) /* saves the caller a second test of the same thing */
        __builtin_unreachable();
    return bytes;
}

enum sb_tcp_flag { SB_TCP_FIN = 1, SB_TCP_SYN = 2, SB_TCP_RST = 4, SB_TCP_ACK = 16 };

/* A SYN that acknowledges nothing: it begins a connection. */
static inline bool sb_tcp_is_opening(uint32_t flags) {
    return (flags & (SB_TCP_SYN | SB_TCP_ACK | SB_TCP_RST)) == SB_TCP_SYN;
}

static inline bool sb_packet_is_opening(const struct sb_packet *packet) {
    return packet->protocol == SB_PROTOCOL_TCP && packet->l4_offset != 0 &&
           sb_tcp_is_opening(((const uint8_t *)(uintptr_t)packet->data)[packet->l4_offset + 13]);
}

/* Numbers in network order. */
static inline uint32_t sb_load16(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

static inline uint32_t sb_load32(const uint8_t *bytes) {
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return __builtin_bswap32(value);
}

/* Whether the bits of mask in the 16 at bytes are value: both in host order, so that it is they
 * which are turned round, when compiling. */
static inline bool sb_is_16(const uint8_t *bytes, uint16_t mask, uint16_t value) {
    uint16_t raw;

    memcpy(&raw, bytes, sizeof(raw));
    return (raw & __builtin_bswap16(mask)) == __builtin_bswap16(value);
}

/* As it lies in memory: for sums and comparisons only. */
static inline uint64_t sb_load64_raw(const uint8_t *bytes) {
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* Quotes the packet that it is about: RFC 792; RFC 4443, 2.1: all types below 128. */
static inline bool sb_is_icmp_error(const struct sb_packet *packet) {
    const uint8_t *icmp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if (packet->l4_offset == 0)
        return false;
    if (packet->protocol == SB_PROTOCOL_ICMPV6)
        return icmp[0] < 128;
    return packet->protocol == SB_PROTOCOL_ICMP &&
           (icmp[0] == 3 || icmp[0] == 4 || icmp[0] == 5 || icmp[0] == 11 || icmp[0] == 12);
}

static inline uint32_t sb_load32_raw(const uint8_t *bytes) {
    uint32_t value;

    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* The source of a SB_PACKET_PLAIN, in host order. */
static inline uint32_t sb_plain_source(const struct sb_packet *packet) {
    return sb_load32((const uint8_t *)(uintptr_t)packet->data + SB_PLAIN_SOURCE);
}

/* An address of a header as 16 bytes, IPv4 mapped (RFC 4291, 2.5.5.2). */
static inline void sb_address_map(uint8_t out[16], const uint8_t *address, uint32_t ip_version) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (ip_version == 6) {
        memcpy(out, address, 16);
        return;
    }
    memcpy(out, mapped, sizeof(mapped));
    memcpy(out + sizeof(mapped), address, 4);
}

/* The same as two words, as they lie in memory. */
struct sb_address_words {
    uint64_t word[2];
};

static inline struct sb_address_words sb_address_words(const uint8_t *address,
                                                       uint32_t ip_version) {
    if (ip_version == 6)
        return (struct sb_address_words){{sb_load64_raw(address), sb_load64_raw(address + 8)}};
    return (struct sb_address_words){{0, (uint64_t)sb_load32_raw(address) << 32 | 0xffff0000}};
}

/* The address at client_offset or protected_offset, mapped; zeros where there is none to read. */
static inline void sb_packet_address(const struct sb_packet *packet, uint32_t offset,
                                     uint8_t out[16]) {
    const uint8_t *address = sb_packet_bytes(packet, offset, packet->ip_version == 6 ? 16 : 4);

    if (packet->ip_version == 0 || address == NULL)
        memset(out, 0, 16);
    else
        sb_address_map(out, address, packet->ip_version);
}

#endif
