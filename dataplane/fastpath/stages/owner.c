/* owner.c: assigns each client to one lcore, on whichever lcore its packets arrive.
 *
 * The owner depends only on the client's address, which is the same in both directions and in every
 * fragment. An ICMP error belongs to the client of the packet that it quotes. The hash has a key,
 * so that nobody outside can aim traffic at one lcore.
 */
#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tables/memory/siphash.h"

static uint16_t owner_of(const struct sb_lcore *lcore, const struct sb_node *node,
                         const struct sb_packet *packet);
static void client_of(const struct sb_packet *packet, uint8_t client[16]);
static const uint8_t *quoted_client(const struct sb_packet *packet, uint32_t offset);

void sb_owner_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    uint32_t gone = 0;

    (void)now;
    if (node->lcore_count == 1)
        return;
    for (uint32_t i = 0; i < burst->live_count; i++) {
        uint8_t index = burst->live[i];
        struct sb_packet *packet = &burst->packets[index];

        packet->owner = owner_of(lcore, node, packet);
        if (packet->owner == lcore->index)
            continue;
        sb_hand_over(lcore, packet);
        gone |= 1u << index;
    }
    if (gone != 0)
        sb_burst_leave_out(burst, gone);
}

static uint16_t owner_of(const struct sb_lcore *lcore, const struct sb_node *node,
                         const struct sb_packet *packet) {
    uint8_t client[16];

    if (packet->ip_version == 0) /* without an address, passed because of a mode: it stays here */
        return (uint16_t)lcore->index;
    client_of(packet, client);
    return (uint16_t)sb_client_lcore(node, client);
}

static void client_of(const struct sb_packet *packet, uint8_t client[16]) {
    const uint8_t *quoted = NULL;

    if (sb_is_icmp_error(packet))
        quoted = quoted_client(packet, packet->l4_offset + SB_ICMP_BYTES);
    if (quoted != NULL)
        sb_address_map(client, quoted, packet->ip_version);
    else
        sb_packet_address(packet, packet->client_offset, client);
}

/* The client's address in the packet that is quoted at offset. An error from outside quotes a
 * packet of the protected host, so the client is the quoted destination; from inside it is the
 * quoted source. NULL: not readable. */
static const uint8_t *quoted_client(const struct sb_packet *packet, uint32_t offset) {
    bool four = packet->ip_version == 4;
    bool outside = packet->port == SB_PORT_OUTSIDE;
    const uint8_t *ip = sb_packet_bytes(packet, offset, four ? SB_IPV4_BYTES : SB_IPV6_BYTES);

    if (ip == NULL || ip[0] >> 4 != packet->ip_version)
        return NULL;
    if (four)
        return ip + (outside ? SB_IPV4_DESTINATION : SB_IPV4_SOURCE);
    return ip + (outside ? SB_IPV6_DESTINATION : SB_IPV6_SOURCE);
}

uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]) {
    const uint64_t words[2] = {sb_load64_raw(client), sb_load64_raw(client + 8)};
    uint64_t hash = sb_sip_hash(node->owner_key, words, 2) >> 32;

    return (uint32_t)(hash * node->lcore_count >> 32); /* scales it without a division */
}
