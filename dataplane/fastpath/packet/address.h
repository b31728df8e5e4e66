/* address.h: the addresses of a packet as keys, for all stages and their tables.
 *
 * IPv4 addresses are mapped (::ffff:a.b.c.d; RFC 4291, 2.5.5.2), so a mapped address in an IPv6
 * header has the same key. parse has checked that the addresses are readable and has set
 * ip_version; only sb_packet_address may be called if ip_version is 0.
 */
#ifndef SB_ADDRESS_H
#define SB_ADDRESS_H

#include "packet.h"

/* The halves of a mapped address, most significant first, in host order, so that masks and
 * comparisons can be used. */
struct sb_address_key {
    uint64_t hi, lo;
};

#define SB_ADDRESS_MAPPED 0xffffull /* upper half of lo, if hi is 0: an IPv4 address */

static inline const uint8_t *sb_client_bytes(const struct sb_packet *packet) {
    return (const uint8_t *)(uintptr_t)packet->data + packet->client_offset;
}

static inline const uint8_t *sb_protected_bytes(const struct sb_packet *packet) {
    return (const uint8_t *)(uintptr_t)packet->data + packet->protected_offset;
}

static inline struct sb_address_key sb_address_read(const uint8_t *bytes, uint32_t ip_version) {
    if (SB_LIKELY(ip_version == 4))
        return (struct sb_address_key){0, SB_ADDRESS_MAPPED << 32 | sb_load32(bytes)};
    return (struct sb_address_key){__builtin_bswap64(sb_load64_raw(bytes)),
                                   __builtin_bswap64(sb_load64_raw(bytes + 8))};
}

static inline bool sb_address_is_ipv4(struct sb_address_key address) {
    return address.hi == 0 && address.lo >> 32 == SB_ADDRESS_MAPPED;
}

/* Whether the address is neither unspecified nor loopback, multicast or the limited broadcast (RFC
 * 1122, 3.2.1.3; RFC 4291, 2.4). */
static inline bool sb_address_is_of_one_host(const uint8_t *bytes, uint32_t ip_version) {
    if (SB_LIKELY(ip_version == 4)) {
        const uint32_t address = sb_load32(bytes), network = address >> 24;

        return network != 0 && network != 127 && address >> 28 != 14 && address != UINT32_MAX;
    }
    return bytes[0] != 0xff &&
           (sb_load64_raw(bytes) != 0 || __builtin_bswap64(sb_load64_raw(bytes + 8)) > 1);
}

/* An address for tables that separate the families: an IPv4 address is in the top 32 bits of hi. */
struct sb_family_address {
    bool is_ipv4;
    uint64_t hi, lo;
};

static inline struct sb_family_address sb_family_address_read(const uint8_t *bytes,
                                                              uint32_t ip_version) {
    struct sb_address_key address;

    if (SB_LIKELY(ip_version == 4))
        return (struct sb_family_address){true, (uint64_t)sb_load32(bytes) << 32, 0};
    address = sb_address_read(bytes, ip_version);
    if (SB_UNLIKELY(sb_address_is_ipv4(address)))
        return (struct sb_family_address){true, address.lo << 32, 0};
    return (struct sb_family_address){false, address.hi, address.lo};
}

/* The 16 bytes of a mapped address as two words in memory order: for hashes and comparisons, which
 * do not need a byte swap. */
struct sb_address_words {
    uint64_t word[2];
};

static inline struct sb_address_words sb_address_words(const uint8_t *bytes, uint32_t ip_version) {
    if (ip_version == 6)
        return (struct sb_address_words){{sb_load64_raw(bytes), sb_load64_raw(bytes + 8)}};
    return (struct sb_address_words){{0, (uint64_t)sb_load32_raw(bytes) << 32 | 0xffff0000}};
}

/* The mapped address as 16 bytes, for other processes and for output. */
static inline void sb_address_map(uint8_t out[16], const uint8_t *bytes, uint32_t ip_version) {
    const struct sb_address_words words = sb_address_words(bytes, ip_version);

    memcpy(out, &words, 16);
}

/* The address at client_offset or protected_offset; zeros if it is not readable. */
static inline void sb_packet_address(const struct sb_packet *packet, uint32_t offset,
                                     uint8_t out[16]) {
    const uint8_t *bytes = sb_packet_bytes(
        packet, offset, packet->ip_version == 6 ? SB_IPV6_ADDRESS : SB_IPV4_ADDRESS);

    if (packet->ip_version == 0 || bytes == NULL)
        memset(out, 0, 16);
    else
        sb_address_map(out, bytes, packet->ip_version);
}

#endif
