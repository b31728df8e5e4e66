/* stages.h: the stages as functions; each in the file or folder of its name.
 *
 * A stage walks the live packets of a burst, decides about them (verdict.h) and leaves the
 * survivors in the live set, in order. None knows DPDK, reads a clock, or calls another.
 */
#ifndef SB_STAGES_H
#define SB_STAGES_H

#include <stdbool.h>

#include "abi.h"

/* Finds the headers of any packet there is, and decides and counts nothing: what parse does to
 * those that are not plain. */
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

/* What an entry of a list does to a packet, its hits apart. True: dropped. */
bool sb_lists_apply(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                    enum sb_list list, const struct sb_time *now);

/* A packet begins a connection: it pays into the limits of new connections. For the connections
 * stage, and profiles whose SYNs the SYN proxy may answer: of their limits only what is accepted
 * pays. True: dropped. */
bool sb_limits_charge(struct sb_lcore *lcore, struct sb_burst *burst, uint32_t index,
                      const struct sb_time *now);

/* Between LISTS and COUNTRY: leaves out of what is judged what routers that the policy names say
 * (neighbors.c). */
void sb_neighbors_exempt(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Behind it: leaves out of what is judged what hosts must be told (path_mtu.c). */
void sb_path_mtu_exempt(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

/* Behind all stages: counts what came in from outside by its destination, samples and captures some
 * of it (traffic/). Of packets that were held and released, what was dropped in the end. */
void sb_traffic_count_burst(struct sb_lcore *lcore, const struct sb_burst *burst,
                            const struct sb_time *now);
void sb_traffic_count_released(struct sb_lcore *lcore, const struct sb_burst *burst);

/* What the connections stage does where no packet comes. */
void sb_connections_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* The same of the HTTP stage. */
void sb_http_idle(struct sb_lcore *lcore, const struct sb_time *now);

/* Index of the lcore that owns a client address (16 bytes, IPv4 mapped), the same in both
 * directions. */
uint32_t sb_client_lcore(const struct sb_node *node, const uint8_t client[16]);

#endif
