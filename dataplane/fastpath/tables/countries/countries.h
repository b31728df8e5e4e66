/* countries.h: the country of every address, from one database.
 *
 * Writer: the control loop's loader, which creates a table, swaps sb_node.countries, and destroys
 * the old table once every reader has been quiescent (readers.h). Reader: the country stage; a
 * table in use does not change. Needs no EAL.
 */
#ifndef SB_COUNTRIES_H
#define SB_COUNTRIES_H

#include "abi.h"

struct sb_countries;

/* Creates a table from the ranges of both families: each ascending, the first one from address 0,
 * at most SB_COUNTRY_RANGES_MAX. 0, -EINVAL, -ENOMEM, or -ENOSPC: the database has so many long
 * prefixes that a family needs more than SB_TRIE_UNITS_MAX units. */
int sb_countries_create(const struct sb_country_range *ipv4, uint32_t ipv4_count,
                        const struct sb_country_range *ipv6, uint32_t ipv6_count,
                        struct sb_countries **out);
void sb_countries_destroy(struct sb_countries *countries);

/* The country of one address, as the country stage finds it. address: 16 bytes, IPv4 mapped; a 6to4
 * or Teredo address has the country of the IPv4 address in it. */
uint32_t sb_countries_find(const struct sb_countries *countries, const uint8_t address[16]);
uint64_t sb_countries_bytes(const struct sb_countries *countries);

#endif
