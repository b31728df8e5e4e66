/* syn_proxy_table.h: what the SYN proxy of one lcore remembers: connections that it is opening to
 * protected hosts, the packets that wait for them, and what options those hosts have shown.
 *
 * One writer and reader: the connections stage on that lcore. Memory is fixed at creation. A flood
 * of SYNs leaves nothing here: a cookie is remembered by the client. Needs no EAL.
 */
#ifndef SB_SYN_PROXY_TABLE_H
#define SB_SYN_PROXY_TABLE_H

#include "abi.h"

struct sb_syn_proxy_table;

/* openings_max connections at a time, 1 to SB_OPENINGS_MAX, and held_max packets for all of them
 * together. hash_key: 16 random bytes. 0, -EINVAL, -ENOMEM. */
int sb_syn_proxy_create(uint32_t openings_max, uint32_t held_max, const uint8_t hash_key[16],
                        struct sb_syn_proxy_table **out);
void sb_syn_proxy_destroy(struct sb_syn_proxy_table *table);
uint64_t sb_syn_proxy_bytes(const struct sb_syn_proxy_table *table);
/* For whom it is on, at most max of them. Returns how many there are. For another thread beside the
 * lcore: each may be of a moment ago, and nothing that the lcore could free is followed. */
uint32_t sb_syn_proxy_protected(const struct sb_syn_proxy_table *table, struct sb_protected *out,
                                uint32_t max);

#endif
