/* syn_proxy_table.h: the state of the SYN proxy of one lcore: connections that it is opening to
 * protected hosts, the packets held for them, and the TCP options of these hosts.
 *
 * The connections stage on that lcore is the only writer and reader. Memory is fixed at creation. A
 * flood of SYNs leaves no state here, because the client keeps the cookie. Needs no EAL.
 */
#ifndef SB_SYN_PROXY_TABLE_H
#define SB_SYN_PROXY_TABLE_H

#include "abi.h"

struct sb_syn_proxy_table;

/* Creates a table for openings_max openings at a time, 1 to SB_OPENINGS_MAX, and held_max packets
 * for all of them together. hash_key: 16 random bytes. 0, -EINVAL, -ENOMEM. */
int sb_syn_proxy_create(uint32_t openings_max, uint32_t held_max, const uint8_t hash_key[16],
                        struct sb_syn_proxy_table **out);
void sb_syn_proxy_destroy(struct sb_syn_proxy_table *table);
uint64_t sb_syn_proxy_bytes(const struct sb_syn_proxy_table *table);
/* Writes the addresses and profiles for which the proxy is on, at most max, and returns how many
 * there are. For use by another thread than the lcore's: a result may be slightly out of date, and
 * no pointer is followed that the lcore could free. */
uint32_t sb_syn_proxy_protected(const struct sb_syn_proxy_table *table, struct sb_protected *out,
                                uint32_t max);

#endif
