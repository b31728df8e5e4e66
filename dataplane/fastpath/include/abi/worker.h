/* abi/worker.h: the data of the workers. Python allocates it before the launch. */
#ifndef SB_ABI_WORKER_H
#define SB_ABI_WORKER_H

#include <stdint.h>

#include "abi/constants.h"

/* Quiescent-state counters: a reader whose counter has increased holds no old pointer. count 0:
 * there are no readers. */
struct sb_reader {
    uint64_t quiescent;
    uint8_t reserved[SB_CACHE_LINE - 8];
};

struct sb_readers {
    uint64_t count;
    uint8_t reserved[SB_CACHE_LINE - 8];
    struct sb_reader reader[SB_LCORES_MAX];
};

/* The counters of the readers when memory was unlinked; see tables/memory/grace.h. */
struct sb_grace {
    uint64_t count;
    uint64_t seen[SB_LCORES_MAX];
};

/* The time stamp counter and CLOCK_BOOTTIME, read together. */
struct sb_clock_pair {
    uint64_t tsc;
    uint64_t boot_ns;
};

/* The data that all lcores of a node share. Pointers are stored as addresses; those marked
 * (swap) change while workers run. */
struct sb_node {
    uint64_t lists;     /* struct sb_lists * */
    uint64_t policy;    /* const struct sb_policy *, (swap) */
    uint64_t countries; /* const struct sb_countries *, (swap), 0: no database */
    uint64_t waf_set;   /* const struct sb_waf_set *, (swap), 0: none yet */
    uint64_t owner_key[2];
    uint32_t lcore_count;
    uint32_t boot_ds;              /* written by the control loop in every turn */
    uint32_t stop;                 /* 1: drain and return */
    uint32_t ns_per_tsc_q24;       /* nanoseconds per TSC cycle, 24 fractional bits */
    uint32_t learning_until_ds;    /* until then, connections are picked up */
    uint32_t cookie_slot;          /* slot of SB_COOKIE_SLOT_S seconds since 1970; 0: no cookies */
    uint64_t cookie_key[2][2];     /* by epoch (SB_COOKIE_EPOCH slots) modulo 2 */
    uint64_t path_mtu_full_at_ns;  /* bucket of SB_PATH_MTU_PER_S, shared by all lcores */
    uint32_t sample_packets_every; /* one packet in so many is sampled; 0: none. The collector
                                      writes this and the next three fields */
    uint32_t sample_sources_shift; /* one source in 2^n is sampled; n is at most 31 */
    uint32_t sample_epoch;         /* incremented at each collection */
    uint32_t clock_index;          /* index of the valid element of clock */
    struct sb_clock_pair clock[2];
    struct sb_readers readers;
};

struct sb_lcore {
    uint64_t node;            /* struct sb_node * */
    uint64_t stats;           /* struct sb_lcore_stats * */
    uint64_t events;          /* struct sb_ring_producer *, 0: none */
    uint64_t events_consumer; /* const struct sb_ring_consumer *, (swap), 0: no client */
    uint64_t limits;          /* struct sb_limits *: its buckets, 0: none */
    uint64_t flows;     /* struct sb_flows *: its connections, 0: connections are not tracked */
    uint64_t syn_proxy; /* struct sb_syn_proxy_table *, 0: none */
    uint64_t waf;       /* struct sb_waf *: the rules of all lcores, 0: no WAF */
    uint64_t http;      /* struct sb_http *: inspected connections, 0: no inspection */
    uint64_t traffic;   /* struct sb_traffic_table *: counts by destination, 0: none */
    uint64_t outbox;    /* struct sb_outbox *, 0: stages originate no frames */
    uint64_t pool;      /* struct rte_mempool *: packet buffers of the worker */
    uint64_t policy;    /* const struct sb_policy *: the node's at the begin of the current burst */
    uint32_t index;     /* 0 .. lcore_count - 1; also the queue on both ports */
    uint16_t port_id[SB_PORT_COUNT];      /* DPDK port numbers */
    uint64_t handover_in[SB_LCORES_MAX];  /* struct sb_handover * from that lcore */
    uint64_t handover_out[SB_LCORES_MAX]; /* struct sb_handover * to that lcore */
    uint32_t sample_ds[SB_REASONS_MAX];   /* boot_ds of the last drop sample, by reason */
    uint64_t link_full_at[SB_PORT_COUNT][SB_LINK_COUNT]; /* buckets: ns, 16 fractional bits */
    uint64_t neighbor_full_at[SB_NEIGHBORS_MAX]; /* the same, in the order of the policy in force */
    uint64_t bursts; /* bursts of the pipeline; one in SB_SAMPLED_BURSTS is measured */
};

#endif
