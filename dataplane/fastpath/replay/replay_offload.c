/* replay_offload.c: see replay_offload.h. */
#include "replay_offload.h"

#include "packet/packet.h"
#include "packet/tcp_frame.h"
#include "stages.h"

enum {
    ETHERNET_PAYLOAD_MIN = 46, /* IEEE 802.3, 4A.2.3.2.4: shorter payloads are padded */
    JUMBO_BYTES = 4            /* of data of the jumbo payload option (RFC 2675, 2) */
};

static bool is_longer_than_padding(const struct sb_packet *packet);
static struct sb_replay_length length_of_ipv4(const struct sb_packet *packet, uint8_t *ip);
static struct sb_replay_length length_of_ipv6(const struct sb_packet *packet, uint8_t *ip);
static bool is_segmented(uint32_t protocol);

struct sb_replay_length sb_replay_set_length(struct sb_replay *replay, struct sb_packet *packet) {
    struct sb_replay_length set = {NULL, NULL};
    uint8_t *ip = (uint8_t *)(uintptr_t)packet->data + packet->l3_offset;

    if (packet->ip_version == 0 || packet->anomaly == SB_REASON_NONE ||
        (packet->flags & SB_PACKET_INNER) != 0 || !is_longer_than_padding(packet))
        return set;
    set = packet->ip_version == 4 ? length_of_ipv4(packet, ip) : length_of_ipv6(packet, ip);
    if (set.field == NULL)
        return set;
    uint32_t fixed = packet->ip_version == 4 ? 0 : SB_IPV6_BYTES;
    uint32_t length = packet->length - packet->l3_offset - fixed;
    bool is_big = length > SB_IP_BYTES_MAX;

    sb_store16(set.field, is_big ? SB_IP_BYTES_MAX : length);
    if (set.jumbo != NULL)
        *set.jumbo = SB_IPV6_OPTION_PAD_N;
    packet->flags |= SB_PACKET_CHECKSUM_GOOD | SB_PACKET_L4_GOOD;
    sb_parse_packet(packet);
    replay->tso += !is_big;
    replay->big_tcp += is_big;
    return set;
}

void sb_replay_restore_length(const struct sb_replay_length *set) {
    if (set->field != NULL)
        sb_store16(set->field, 0);
    if (set->jumbo != NULL)
        *set->jumbo = SB_IPV6_OPTION_JUMBO;
}

void sb_replay_drop_surplus(struct sb_replay *replay, struct sb_packet *packet) {
    if (packet->ip_version == 0 || packet->anomaly != SB_REASON_NONE ||
        (packet->flags & (SB_PACKET_CUT | SB_PACKET_INNER)) != 0)
        return;
    uint32_t least = packet->l3_offset + ETHERNET_PAYLOAD_MIN, end = sb_end_of_ip(packet);

    end = end < least ? least : end;
    if (packet->length <= end)
        return;
    packet->length = end;
    packet->available = (uint16_t)end;
    replay->surplus++;
}

/* A short frame with length 0 is malformed: the packet can't be distinguished from padding. */
static bool is_longer_than_padding(const struct sb_packet *packet) {
    return packet->length > (uint32_t)packet->l3_offset + ETHERNET_PAYLOAD_MIN;
}

static struct sb_replay_length length_of_ipv4(const struct sb_packet *packet, uint8_t *ip) {
    bool is_fragment = (sb_load16(ip + SB_IPV4_FRAGMENT) & SB_IPV4_FRAGMENT_MASK) != 0;
    bool is_it = sb_load16(ip + SB_IPV4_LENGTH) == 0 && !is_fragment;

    return (struct sb_replay_length){
        is_it && is_segmented(packet->protocol) ? ip + SB_IPV4_LENGTH : NULL, NULL};
}

/* With a jumbo payload option or, from newer kernels, without one. */
static struct sb_replay_length length_of_ipv6(const struct sb_packet *packet, uint8_t *ip) {
    uint8_t *option = ip + SB_IPV6_BYTES + 2;
    struct sb_replay_length set = {ip + SB_IPV6_LENGTH, NULL};
    bool is_readable =
        packet->l3_offset + SB_IPV6_BYTES + SB_IPV6_EXTENSION_BYTES <= packet->available;

    if (sb_load16(set.field) != 0 || !is_readable)
        return (struct sb_replay_length){NULL, NULL};
    if (is_segmented(ip[SB_IPV6_NEXT]))
        return set;
    if (ip[SB_IPV6_NEXT] != SB_PROTOCOL_HOP_BY_HOP || !is_segmented(ip[SB_IPV6_BYTES]) ||
        ip[SB_IPV6_BYTES + 1] != 0 || option[0] != SB_IPV6_OPTION_JUMBO || option[1] != JUMBO_BYTES)
        return (struct sb_replay_length){NULL, NULL};
    set.jumbo = option;
    return set;
}

static bool is_segmented(uint32_t protocol) {
    return protocol == SB_PROTOCOL_TCP || protocol == SB_PROTOCOL_UDP;
}
