/* owner.c: one lcore owns each client, whichever way its packets arrive.
 *
 * Uses the client address alone, which is the same in both directions and in every fragment; an
 * ICMP error belongs to the client of the packet that it quotes. The hash is keyed: nobody outside
 * can aim at one lcore.
 */
#include "pipeline.h"

enum { ICMP_BYTES = 8, QUOTED_IPV4_BYTES = 20, QUOTED_IPV6_BYTES = 40 };
enum { QUOTED_IPV4_SOURCE = 12, QUOTED_IPV4_DESTINATION = 16 };
enum { QUOTED_IPV6_SOURCE = 8, QUOTED_IPV6_DESTINATION = 24 };

static uint16_t owner_of(const struct sb_lcore *lcore, const struct sb_node *node,
                         const struct sb_packet *packet);
static void client_of(const struct sb_packet *packet, uint8_t client[16]);
static bool is_icmp_error(const struct sb_packet *packet, uint32_t type);
static const uint8_t *quoted_client(const struct sb_packet *packet, uint32_t offset);
static void hold(struct sb_lcore *lcore, struct sb_packet *packet);
static uint64_t sip_hash_16(const uint64_t key[2], const uint8_t bytes[16]);
static inline void sip_compress(uint64_t v[4], uint64_t word);
static inline void sip_round(uint64_t v[4]);
static inline uint64_t rotate(uint64_t value, unsigned bits);

void sb_owner_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    uint32_t held = 0;

    (void)now;
    if (node->lcore_count == 1)
        return;
    for (uint32_t i = 0; i < burst->live_count; i++) {
        uint8_t index = burst->live[i];
        struct sb_packet *packet = &burst->packets[index];

        packet->owner = owner_of(lcore, node, packet);
        if (packet->owner == lcore->index)
            continue;
        hold(lcore, packet);
        held |= 1u << index;
    }
    if (held != 0)
        sb_burst_leave_out(burst, held);
}

static uint16_t owner_of(const struct sb_lcore *lcore, const struct sb_node *node,
                         const struct sb_packet *packet) {
    uint8_t client[16];

    if (packet->ip_version == 0) /* let through by a mode: as good here as anywhere */
        return (uint16_t)lcore->index;
    client_of(packet, client);
    return (uint16_t)sb_client_lcore(node, client);
}

static void client_of(const struct sb_packet *packet, uint8_t client[16]) {
    bool icmp = packet->protocol == SB_PROTOCOL_ICMP || packet->protocol == SB_PROTOCOL_ICMPV6;
    const uint8_t *header =
        icmp && packet->l4_offset ? sb_packet_bytes(packet, packet->l4_offset, ICMP_BYTES) : NULL;
    const uint8_t *quoted = NULL;

    if (header != NULL && is_icmp_error(packet, header[0]))
        quoted = quoted_client(packet, packet->l4_offset + ICMP_BYTES);
    if (quoted != NULL)
        sb_address_map(client, quoted, packet->ip_version);
    else
        sb_packet_address(packet, packet->client_offset, client);
}

/* Types that quote the packet they are about: RFC 792; RFC 4443, 2.1: all below 128. */
static bool is_icmp_error(const struct sb_packet *packet, uint32_t type) {
    if (packet->protocol == SB_PROTOCOL_ICMPV6)
        return type < 128;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* The address of the client in the packet quoted at offset: an error from outside is about a packet
 * that the protected host sent, so the client was its destination; from inside the other way round.
 * NULL: not readable. */
static const uint8_t *quoted_client(const struct sb_packet *packet, uint32_t offset) {
    bool four = packet->ip_version == 4;
    bool outside = packet->port == SB_PORT_OUTSIDE;
    const uint8_t *ip =
        sb_packet_bytes(packet, offset, four ? QUOTED_IPV4_BYTES : QUOTED_IPV6_BYTES);

    if (ip == NULL || ip[0] >> 4 != packet->ip_version)
        return NULL;
    if (four)
        return ip + (outside ? QUOTED_IPV4_DESTINATION : QUOTED_IPV4_SOURCE);
    return ip + (outside ? QUOTED_IPV6_DESTINATION : QUOTED_IPV6_SOURCE);
}

static void hold(struct sb_lcore *lcore, struct sb_packet *packet) {
    packet->verdict = SB_VERDICT_HELD;
    sb_stats_of(lcore)->port[packet->port].held_now++;
    sb_stats_of(lcore)->misrouted++;
}

uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]) {
    uint64_t hash = sip_hash_16(node->owner_key, client) >> 32;

    return (uint32_t)(hash * node->lcore_count >> 32); /* a range without a division */
}

/* SipHash-2-4 of 16 bytes (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012). */
static uint64_t sip_hash_16(const uint64_t key[2], const uint8_t bytes[16]) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    sip_compress(v, sb_load64_raw(bytes));
    sip_compress(v, sb_load64_raw(bytes + 8));
    sip_compress(v, (uint64_t)16 << 56); /* the length */
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline void sip_compress(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0], v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2], v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}
