/* traffic.h: helpers that the files of the traffic stage share. */
#ifndef SB_STAGE_TRAFFIC_H
#define SB_STAGE_TRAFFIC_H

#include "tables/traffic/traffic.h"

/* Whether the node has answered the packet: its bytes are the answer, with addresses and ports
 * exchanged. */
static inline bool sb_is_answered(const struct sb_packet *packet) {
    return (packet->flags & SB_PACKET_ANSWER) != 0;
}

/* Whether packet.reason is valid. */
static inline bool sb_has_reason(const struct sb_packet *packet) {
    return packet->verdict == SB_VERDICT_DROP || (packet->flags & SB_PACKET_WOULD_DROP) != 0;
}

/* Whether this lcore counts the packet by destination: it comes from outside, its addresses are
 * known, and it is neither handed over nor of link scope. */
static inline bool sb_is_counted(const struct sb_packet *packet) {
    return packet->verdict != SB_VERDICT_HANDED_OVER && packet->port == SB_PORT_OUTSIDE &&
           packet->ip_version != 0 && (packet->flags & SB_PACKET_LINK_SCOPE) == 0;
}

/* For packets with sb_is_counted. */
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

/* Source and destination of a packet of a plain burst, whose addresses are adjacent. */
static inline void sb_plain_words(const struct sb_packet *packet, struct sb_address_words *source,
                                  struct sb_address_words *destination) {
    uint64_t both = sb_load64_raw((const uint8_t *)(uintptr_t)packet->data + SB_PLAIN_SOURCE);

    both = sb_is_answered(packet) ? both >> 32 | both << 32 : both;
    *source = (struct sb_address_words){{0, both << 32 | 0xffff0000}};
    *destination = (struct sb_address_words){{0, (both & 0xffffffff00000000) | 0xffff0000}};
}

/* The hash is the same for all packets of a source, and not predictable without the key. */
static inline uint64_t sb_sampled_hash(const struct sb_hash_key *key,
                                       struct sb_address_words source) {
    return sb_hash_fold(source.word[0] ^ key->word[0], source.word[1] ^ key->word[1]);
}

/* A source is sampled if its hash is at most this. */
static inline uint64_t sb_source_limit(const struct sb_lcore *lcore) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;

    return UINT64_MAX >> __atomic_load_n(&node->sample_sources_shift, __ATOMIC_RELAXED);
}

/* Samples packets from outside. of_sources: bit i: the source of packets[i] is sampled. */
void sb_sample_burst(struct sb_lcore *lcore, const struct sb_burst *burst, uint32_t of_sources,
                     const struct sb_time *now);

/* Captures bytes of drops and would-be drops of those profiles for which somebody wants captures.
 */
void sb_capture_burst(struct sb_lcore *lcore, const struct sb_burst *burst);

#endif
