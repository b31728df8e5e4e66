/* countries.h: the country of every address, as one database says.
 *
 * Writer: the control loop's loader, which creates one, swaps sb_node.countries, and destroys the
 * old one once every reader has been quiescent (readers.h). Readers: the country stage, of a table
 * that no longer changes. Needs no EAL.
 */
#ifndef SB_COUNTRIES_H
#define SB_COUNTRIES_H

#include "abi.h"

struct sb_countries;

/* Both families' ranges, each ascending, the first from address 0; at most SB_COUNTRY_RANGES_MAX.
 * 0, -EINVAL, -ENOMEM, -ENOSPC: its prefixes are so long and many that the table would take more
 * than SB_TRIE_UNITS_MAX units of a family. */
int sb_countries_create(const struct sb_country_range *ipv4, uint32_t ipv4_count,
                        const struct sb_country_range *ipv6, uint32_t ipv6_count,
                        struct sb_countries **out);
void sb_countries_destroy(struct sb_countries *countries);

/* The country of one address (16 bytes, IPv4 mapped; 6to4 and Teredo are where the IPv4 address in
 * them is): what the country stage finds. */
uint32_t sb_countries_find(const struct sb_countries *countries, const uint8_t address[16]);
uint64_t sb_countries_bytes(const struct sb_countries *countries);

#endif
