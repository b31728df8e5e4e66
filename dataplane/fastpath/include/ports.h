/* ports.h: the data ports, through functions that do not change with DPDK's structures.
 *
 * Called by the control loop before launch, and while workers run (sb_port_read only). No function
 * is called per packet.
 */
#ifndef SB_PORTS_H
#define SB_PORTS_H

#include <stdint.h>

#include "abi.h"

struct rte_mempool;

/* The capabilities of a device that matter here. */
struct sb_port_limits {
    uint32_t rx_queues_max;
    uint32_t tx_queues_max;
    uint32_t mtu_min;
    uint32_t mtu_max;
    char driver[32];
};

/* 0 or -errno. */
int sb_port_limits(uint16_t port_id, struct sb_port_limits *out);

/* Configures a stopped port: queues in each direction, descriptors per queue (rounded to what the
 * device supports), the MTU, and packet buffers from pool. Distributes packets over the queues by
 * address pair if the device can; ownership does not depend on it. 0 or -errno. */
int sb_port_configure(uint16_t port_id, uint16_t queues, uint16_t descriptors, uint16_t mtu,
                      struct rte_mempool *pool);

/* Reads the driver's counters and the link state. 0 or -errno; on error *out is unchanged. */
int sb_port_read(uint16_t port_id, struct sb_device_stats *out);

/* rte_errno of the calling thread: a thread-local variable that ctypes can't read. */
int sb_dpdk_errno(void);

#endif
