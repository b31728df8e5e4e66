/* source_limit.h: the limit of connections per source, checked when a connection is proven.
 *
 * Only proven connections count, so forged packets can't use up the limit of another host. More
 * connections than the limit may therefore be half open at the same time; those that become proven
 * beyond the limit are reset, on both sides.
 */
#ifndef SB_SOURCE_LIMIT_H
#define SB_SOURCE_LIMIT_H

#include "packet/address.h"
#include "packet/verdict.h"
#include "tables/flows/flows_private.h"
#include "tcp_state.h"

/* A hash of the profile and of the client: an IPv4 address or an IPv6 /64, as for limits. */
static inline uint64_t sb_source_of(const struct sb_flows *flows, const struct sb_packet *packet) {
    const struct sb_address_key client =
        sb_address_read(sb_client_bytes(packet), packet->ip_version);

    if (packet->ip_version == 4)
        return sb_hash_address(&flows->hash_key, packet->profile, client.lo);
    return sb_hash_address(&flows->hash_key, client.hi, packet->profile);
}

/* Whether the source has as many proven connections as the profile allows. */
static inline bool sb_source_is_full(const struct sb_lcore *lcore, const struct sb_flows *flows,
                                     const struct sb_packet *packet) {
    uint32_t most = sb_profile_of(lcore, packet)->connections_max;

    return SB_UNLIKELY(most != 0) &&
           sb_flow_source_count(flows, sb_source_of(flows, packet)) >= most;
}

/* Resets a connection whose last segment, from either side, was dropped. If there is no buffer for
 * the RST to the receiver of the segment, nothing is sent, and the next segment of either side
 * causes another attempt. */
void sb_source_reset(struct sb_lcore *lcore, struct sb_flow *flow, const struct sb_packet *packet,
                     const struct sb_segment *segment);

#endif
