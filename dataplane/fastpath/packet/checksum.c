/* checksum.c: see checksum.h. Sums are made of words in memory order: in one's complement the order
 * of bytes does not matter (RFC 1071, 2). The words may have any width, because 2^16 and 2^32 are 1
 * modulo 0xffff. */
#include "checksum.h"

static uint64_t pseudo_header_sum(const struct sb_packet *packet, uint32_t tcp_size);
static uint64_t sum_of(const uint8_t *bytes, uint32_t size);

bool sb_tcp_checksum_is_right(const struct sb_packet *packet) {
    uint32_t end = sb_end_of_ip(packet), size = end - packet->l4_offset;
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    if ((packet->flags & SB_PACKET_L4_GOOD) != 0)
        return true;
    if ((packet->flags & SB_PACKET_FRAGMENT) != 0 || end > packet->available)
        return false;
    return (pseudo_header_sum(packet, size) + sum_of(tcp, size)) % 0xffff == 0;
}

bool sb_tcp_checksum_is_unfinished(const struct sb_packet *packet) {
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    uint64_t sum;

    if (packet->protocol != SB_PROTOCOL_TCP || packet->payload_offset == 0 ||
        (packet->flags & SB_PACKET_FRAGMENT) != 0)
        return false;
    sum = pseudo_header_sum(packet, sb_end_of_ip(packet) - packet->l4_offset);
    return sum % 0xffff == sum_of(tcp + SB_TCP_CHECKSUM, 2) % 0xffff;
}

/* Addresses, protocol and length: RFC 9293, 3.1; RFC 8200, 8.1. */
static uint64_t pseudo_header_sum(const struct sb_packet *packet, uint32_t tcp_size) {
    const uint8_t *ip = (const uint8_t *)(uintptr_t)packet->data + packet->l3_offset;
    uint64_t addresses = packet->ip_version == 4 ? sum_of(ip + SB_IPV4_SOURCE, 2 * SB_IPV4_ADDRESS)
                                                 : sum_of(ip + SB_IPV6_SOURCE, 2 * SB_IPV6_ADDRESS);

    return addresses + __builtin_bswap16(SB_PROTOCOL_TCP) + __builtin_bswap16((uint16_t)tcp_size);
}

/* The last word is filled up with zeros. */
static uint64_t sum_of(const uint8_t *bytes, uint32_t size) {
    uint64_t sum = 0;
    uint32_t at = 0, last = 0;

    for (; at + 4 <= size; at += 4)
        sum += sb_load32_raw(bytes + at);
    memcpy(&last, bytes + at, size - at);
    return sum + last;
}
