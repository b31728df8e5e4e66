/* abi/worker.h: what the worker runs on; allocated by Python before launch. */
#ifndef SB_ABI_WORKER_H
#define SB_ABI_WORKER_H

#include <stdint.h>

#include "abi/constants.h"

/* Quiescent-state counters: a reader that has counted on since holds no old pointer. count 0:
 * nobody reads. */
struct sb_reader {
    uint64_t quiescent;
    uint8_t reserved[SB_CACHE_LINE - 8];
};

struct sb_readers {
    uint64_t count;
    uint8_t reserved[SB_CACHE_LINE - 8];
    struct sb_reader reader[SB_LCORES_MAX];
};

/* Where the readers were when something was unlinked; see tables/memory/grace.h. */
struct sb_grace {
    uint64_t count;
    uint64_t seen[SB_LCORES_MAX];
};

/* What the time stamp counter was at a time of CLOCK_BOOTTIME. */
struct sb_clock_pair {
    uint64_t tsc;
    uint64_t boot_ns;
};

/* Shared by all lcores of a node. Pointers are stored as addresses; those marked (swap) change
 * while workers run. */
struct sb_node {
    uint64_t lists;     /* struct sb_lists * */
    uint64_t policy;    /* const struct sb_policy *, (swap) */
    uint64_t countries; /* const struct sb_countries *, (swap), 0: no database */
    uint64_t waf_set;   /* const struct sb_waf_set *, (swap), 0: none yet */
    uint64_t owner_key[2];
    uint32_t lcore_count;
    uint32_t boot_ds;              /* written by the control loop every turn */
    uint32_t stop;                 /* 1: drain and return */
    uint32_t ns_per_tsc_q24;       /* nanoseconds per TSC cycle, 24 fractional bits */
    uint32_t learning_until_ds;    /* until then a connection may be met in its midst */
    uint32_t cookie_slot;          /* of SB_COOKIE_SLOT_S seconds since 1970; 0: no cookies */
    uint64_t cookie_key[2][2];     /* by epoch, of SB_COOKIE_EPOCH slots, modulo 2 */
    uint64_t path_mtu_full_at_ns;  /* of all lcores, atomically: the bucket of SB_PATH_MTU_PER_S */
    uint32_t sample_packets_every; /* one packet in so many is a sample; 0: none; these four are
                                      written by the collector */
    uint32_t sample_sources_shift; /* one source in 2^n is, at most 31 */
    uint32_t sample_epoch;         /* counts on with each collection */
    uint32_t clock_index;          /* which of the two pairs is valid */
    struct sb_clock_pair clock[2];
    struct sb_readers readers;
};

struct sb_lcore {
    uint64_t node;            /* struct sb_node * */
    uint64_t stats;           /* struct sb_lcore_stats * */
    uint64_t events;          /* struct sb_ring_producer *, 0: none */
    uint64_t events_consumer; /* const struct sb_ring_consumer *, (swap), 0: nobody listens */
    uint64_t limits;          /* struct sb_limits *: its buckets, 0: none */
    uint64_t flows;           /* struct sb_flows *: its connections, 0: none are tracked */
    uint64_t syn_proxy;       /* struct sb_syn_proxy_table *, 0: none */
    uint64_t waf;             /* struct sb_waf *: the rules of all lcores, 0: no WAF */
    uint64_t http;            /* struct sb_http *: inspected connections, 0: none are */
    uint64_t traffic;         /* struct sb_traffic_table *: counts by destination, 0: none */
    uint64_t outbox;          /* struct sb_outbox *, 0: stages send nothing of their own */
    uint64_t pool;            /* struct rte_mempool *: where the worker takes its buffers from */
    uint64_t policy;          /* of the burst at hand: the node's when it began */
    uint32_t index;           /* 0 .. lcore_count - 1; also the queue on both ports */
    uint16_t port_id[SB_PORT_COUNT];      /* DPDK port numbers */
    uint64_t handover_in[SB_LCORES_MAX];  /* struct sb_handover * from that lcore */
    uint64_t handover_out[SB_LCORES_MAX]; /* struct sb_handover * to that lcore */
    uint32_t sample_ds[SB_REASONS_MAX];   /* boot_ds of the last drop sample, by reason */
    uint64_t link_full_at[SB_PORT_COUNT][SB_LINK_COUNT]; /* their buckets: ns, 16 fractional bits */
    uint64_t neighbor_full_at[SB_NEIGHBORS_MAX]; /* the same, in the order of the policy in force */
    uint64_t bursts; /* that the pipeline ran; one in SB_SAMPLED_BURSTS is measured */
};

#endif
