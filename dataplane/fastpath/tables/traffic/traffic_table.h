/* traffic_table.h: counters for each protected destination, and samples of packets, of one lcore.
 *
 * Writer: the lcore's worker (stages/traffic/). Reader: the collector (detection.h), which also
 * says which rows are idle and how many packets of which profile are to be captured. Memory is
 * reserved at creation; what no destination has needed yet is not touched. Needs no EAL.
 */
#ifndef SB_TRAFFIC_TABLE_H
#define SB_TRAFFIC_TABLE_H

#include "abi.h"

struct sb_traffic_table;

/* Room for rows_max destinations, 1 to SB_DESTINATIONS_MAX. A destination that finds no room counts
 * in a row of its profile. key: 32 random bytes; reflectors: the UDP ports that AMPLIFICATION
 * counts. 0, -EINVAL, -ENOMEM. */
int sb_traffic_create(uint32_t rows_max, const uint8_t key[32], const uint16_t *reflectors,
                      uint32_t reflector_count, struct sb_traffic_table **out);
void sb_traffic_destroy(struct sb_traffic_table *table);
/* Memory that is reserved. */
uint64_t sb_traffic_bytes(const struct sb_traffic_table *table);

/* Lets the worker capture so many packets more of a profile; 0: none from now on. */
void sb_traffic_capture(struct sb_traffic_table *table, uint32_t profile, uint32_t packets);

/* Rows that have been given to a destination, ever. */
uint32_t sb_traffic_used(const struct sb_traffic_table *table);
/* The row of a destination (16 bytes, IPv4 mapped): bytes, then its counters. NULL: it has none.
 * For tests. */
const uint64_t *sb_traffic_row(const struct sb_traffic_table *table, const uint8_t address[16]);
/* One that has been given. */
const uint64_t *sb_traffic_row_at(const struct sb_traffic_table *table, uint32_t row);
/* The row of those that find no room. */
const uint64_t *sb_traffic_overflow(const struct sb_traffic_table *table, uint32_t profile);
/* How many samples have ever been written, and which one was the nth of them: valid until
 * SB_SAMPLES_MAX more have been. */
uint64_t sb_traffic_samples(const struct sb_traffic_table *table);
const struct sb_sample *sb_traffic_sample(const struct sb_traffic_table *table, uint64_t number);

#endif
