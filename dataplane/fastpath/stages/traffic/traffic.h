/* traffic.h: what the parts of counting share. */
#ifndef SB_STAGE_TRAFFIC_H
#define SB_STAGE_TRAFFIC_H

#include "tables/traffic/traffic.h"

/* The node has answered it: its bytes are the answer, whose addresses and ports have changed
 * places. */
static inline bool sb_is_answered(const struct sb_packet *packet) {
    return (packet->flags & SB_PACKET_ANSWER) != 0;
}

/* Whether packet.reason says something. */
static inline bool sb_has_reason(const struct sb_packet *packet) {
    return packet->verdict == SB_VERDICT_DROP || (packet->flags & SB_PACKET_WOULD_DROP) != 0;
}

/* From outside, its addresses known, and this lcore's: not what another one will count, nor what
 * protected hosts send, nor what is of the link. */
static inline bool sb_is_counted(const struct sb_packet *packet) {
    return packet->verdict != SB_VERDICT_HANDED_OVER && packet->port == SB_PORT_OUTSIDE &&
           packet->ip_version != 0 && (packet->flags & SB_PACKET_LINK_SCOPE) == 0;
}

/* Of those. */
static inline struct sb_address_words sb_destination_words(const struct sb_packet *packet) {
    return sb_address_words(sb_is_answered(packet) ? sb_client_bytes(packet)
                                                   : sb_protected_bytes(packet),
                            packet->ip_version);
}

static inline struct sb_address_words sb_source_words(const struct sb_packet *packet) {
    return sb_address_words(sb_is_answered(packet) ? sb_protected_bytes(packet)
                                                   : sb_client_bytes(packet),
                            packet->ip_version);
}

/* The same of a packet of a plain burst: its addresses stand side by side. */
static inline void sb_plain_words(const struct sb_packet *packet, struct sb_address_words *source,
                                  struct sb_address_words *destination) {
    uint64_t both = sb_load64_raw((const uint8_t *)(uintptr_t)packet->data + SB_PLAIN_SOURCE);

    both = sb_is_answered(packet) ? both >> 32 | both << 32 : both;
    *source = (struct sb_address_words){{0, both << 32 | 0xffff0000}};
    *destination = (struct sb_address_words){{0, (both & 0xffffffff00000000) | 0xffff0000}};
}

/* The same for all packets of a source, and not predictable without the key. */
static inline uint64_t sb_sampled_hash(const struct sb_hash_key *key,
                                       struct sb_address_words source) {
    return sb_hash_fold(source.word[0] ^ key->word[0], source.word[1] ^ key->word[1]);
}

/* Sources whose hash is no larger are sampled. */
static inline uint64_t sb_source_limit(const struct sb_lcore *lcore) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return UINT64_MAX >> __atomic_load_n(&node->sample_sources_shift, __ATOMIC_RELAXED);
}

/* Tells the collector of some packets from outside; of_sources: bit i: the source of packets[i] is
 * sampled. */
void sb_sample_burst(struct sb_lcore *lcore, const struct sb_burst *burst, uint32_t of_sources,
                     const struct sb_time *now);

/* Keeps bytes of those that were dropped or would have been, of profiles of which somebody wants
 * some. */
void sb_capture_burst(struct sb_lcore *lcore, const struct sb_burst *burst);

#endif
