/* traffic_table.h: counters for each protected destination, and samples of packets, of one lcore.
 *
 * Writer: the lcore's worker (stages/traffic/). Reader: the collector (detection.h), which also
 * marks idle rows and sets how many packets of a profile are captured. Address space is reserved at
 * creation; memory is only used as far as it was needed. Needs no EAL.
 */
#ifndef SB_TRAFFIC_TABLE_H
#define SB_TRAFFIC_TABLE_H

#include "abi.h"

struct sb_traffic_table;

/* Creates a table with rows for rows_max destinations, 1 to SB_DESTINATIONS_MAX. A destination
 * without a row counts in the row of its profile. key: 32 random bytes. reflectors: the UDP ports
 * that AMPLIFICATION counts. 0, -EINVAL, -ENOMEM. */
int sb_traffic_create(uint32_t rows_max, const uint8_t key[32], const uint16_t *reflectors,
                      uint32_t reflector_count, struct sb_traffic_table **out);
void sb_traffic_destroy(struct sb_traffic_table *table);
/* Bytes of reserved address space. */
uint64_t sb_traffic_bytes(const struct sb_traffic_table *table);

/* Lets the worker capture this many more packets of a profile; 0: none from now on. */
void sb_traffic_capture(struct sb_traffic_table *table, uint32_t profile, uint32_t packets);

/* Number of rows that were ever assigned. */
uint32_t sb_traffic_used(const struct sb_traffic_table *table);
/* The row of a destination (16 bytes, IPv4 mapped): bytes, then its counters. NULL: it has none.
 * For tests. */
const uint64_t *sb_traffic_row(const struct sb_traffic_table *table, const uint8_t address[16]);
/* The row with an index below sb_traffic_used(). */
const uint64_t *sb_traffic_row_at(const struct sb_traffic_table *table, uint32_t row);
/* The row for the destinations of a profile that have no row of their own. */
const uint64_t *sb_traffic_overflow(const struct sb_traffic_table *table, uint32_t profile);
/* The number of samples ever written, and the sample with a number: valid until SB_SAMPLES_MAX more
 * are written. */
uint64_t sb_traffic_samples(const struct sb_traffic_table *table);
const struct sb_sample *sb_traffic_sample(const struct sb_traffic_table *table, uint64_t number);

#endif
