/* stages.h: the stages as functions. Each is in the file or folder with its name.
 *
 * A stage goes through the live packets of a burst, decides about them (verdict.h) and leaves the
 * remaining ones in the live set, in order. No stage uses DPDK, reads a clock, or calls another
 * stage.
 */
#ifndef SB_STAGES_H
#define SB_STAGES_H

#include <stdbool.h>

#include "abi.h"

/* Finds the headers of any packet, without deciding or counting anything. The parse stage uses it
 * for packets that are not plain. */
void sb_parse_packet(struct sb_packet *packet);

void sb_parse_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_profile_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_sanity_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_owner_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_lists_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_country_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_filter_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_limits_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_connections_stage(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_time *now);
void sb_http_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);
void sb_forward_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Applies an entry of a list to a packet, without counting the hit. True: dropped. */
bool sb_lists_apply(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                    enum sb_list list, const struct sb_time *now);

/* Charges the limits of new connections for a packet that begins a connection. For the connections
 * stage, in profiles whose SYNs the SYN proxy may answer: there only accepted connections pay.
 * True: dropped. */
bool sb_limits_charge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                      const struct sb_time *now);

/* Between LIMITS and CONNECTIONS: opens the VXLAN and GRE packets of profiles that judge what is
 * inside, or refuses them. Returns the packets (bit i: packets[i]) whose descriptor is now that of
 * the inner packet, for the stages that only drop. Those that it drops leave the live set. */
uint32_t sb_tunnels_open(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Between LISTS and COUNTRY: exempts the routing protocols of neighbours (neighbors.c). */
void sb_neighbors_exempt(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* After that: exempts ICMP errors about packets that are too large (path_mtu.c). */
void sb_path_mtu_exempt(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* After all stages: counts packets from outside by destination, and samples and captures some of
 * them (traffic/). The second function is for packets that were held and released: it counts their
 * drops. */
void sb_traffic_count_burst(struct sb_lcore *lcore, const struct sb_burst *burst,
                            const struct sb_time *now);
void sb_traffic_count_released(struct sb_lcore *lcore, const struct sb_burst *burst);

/* The work of the connections stage in a turn without packets. */
void sb_connections_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* The work of the HTTP stage in a turn without packets. */
void sb_http_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* Index of the lcore that owns a client address (16 bytes, IPv4 mapped); the same in both
 * directions. */
uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]);

#endif
