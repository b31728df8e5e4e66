/* worker.c: the packet loop. worker_turn has all the duties of an lcore in their order.
 *
 * After the start: no allocation, lock, log, system call, floating point, division by a variable,
 * or abort.
 */
#include "worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "abi.h"
#include "handover.h"
#include "latency.h"
#include "packet/verdict.h"
#include "pipeline.h"
#include "tables/memory/readers.h"

/* Packets to send out of one port; all are from one burst of the other port. */
struct tx_batch {
    uint32_t count;
    struct rte_mbuf *mbufs[SB_BURST_MAX];
    struct sb_packet *packets[SB_BURST_MAX];
};

struct worker {
    struct sb_lcore *lcore;
    struct sb_node *node;
    struct sb_lcore_stats *stats;
    struct sb_time now;
    uint64_t turn_tsc; /* end of the last turn, begin of this one */
    struct sb_burst burst;
    struct tx_batch tx;      /* for one port at a time */
    struct tx_batch answers; /* to the port on which they were received */
    struct rte_mbuf *freed[SB_BURST_MAX];
} __attribute__((aligned(SB_CACHE_LINE))); /* so that a descriptor is one line */

static uint32_t worker_turn(struct worker *worker, bool receiving);
static uint32_t receive(struct worker *worker, enum sb_port port);
static uint32_t resume(struct worker *worker, uint32_t from);
static uint16_t checksum_flags(uint64_t ol_flags);
static void describe(struct sb_packet *packet, struct rte_mbuf *mbuf, enum sb_port port,
                     uint64_t rx_tsc);
static void carry_out(struct worker *worker, struct sb_packet *packets, uint32_t count,
                      enum sb_port from);
static void carry_out_both(struct worker *worker, struct sb_packet *packets, uint32_t count);
static void hand_over(struct worker *worker, struct sb_packet *packet);
static void transmit(struct worker *worker, enum sb_port from);
static void answer(struct worker *worker, enum sb_port from);
static void send_outbox(struct worker *worker);
static void send_own(struct worker *worker, const struct sb_packet *packet);
static void fill_outbox(struct worker *worker);
static void trim(const struct sb_packet *packet);
static void count_forwarded(struct worker *worker, enum sb_port from, const struct tx_batch *batch,
                            uint32_t sent);
static void sample_drop(struct worker *worker, struct sb_packet *packet, enum sb_reason reason);
static void close_handovers(struct worker *worker);
static bool handovers_finished(struct worker *worker);

int sb_worker_main(void *lcore) {
    struct worker worker = {.lcore = lcore};

    worker.node = (struct sb_node *)worker.lcore->node;
    worker.stats = (struct sb_lcore_stats *)worker.lcore->stats;
    worker.turn_tsc = rte_rdtsc();
    fill_outbox(&worker);
    while (__atomic_load_n(&worker.node->stop, __ATOMIC_ACQUIRE) == 0)
        worker_turn(&worker, true);

    /* Drain: this lcore hands over no more packets. It is done when the other lcores have closed
     * their rings too and these are empty. */
    close_handovers(&worker);
    while (!handovers_finished(&worker))
        worker_turn(&worker, false);
    return 0;
}

static uint32_t worker_turn(struct worker *worker, bool receiving) {
    struct sb_reader *reader = &worker->node->readers.reader[worker->lcore->index];
    uint32_t packets = 0;

    worker->now.boot_ds = __atomic_load_n(&worker->node->boot_ds, __ATOMIC_RELAXED);
    if (receiving)
        for (uint32_t port = 0; port < SB_PORT_COUNT; port++)
            packets += receive(worker, port);
    for (uint32_t from = 0; from < worker->node->lcore_count; from++)
        if (from != worker->lcore->index)
            packets += resume(worker, from);
    if (packets == 0) {
        sb_pipeline_idle(worker->lcore, &worker->now);
        send_outbox(worker);
    }

    uint64_t end = rte_rdtsc(), cycles = end - worker->turn_tsc;
    worker->turn_tsc = end;
    worker->stats->total_cycles += cycles;
    worker->stats->busy_cycles += packets > 0 ? cycles : 0;
    worker->stats->heartbeat++;
    sb_reader_quiescent(reader);
    return packets;
}

static uint32_t receive(struct worker *worker, enum sb_port port) {
    struct rte_mbuf *mbufs[SB_BURST_MAX];
    uint16_t count = rte_eth_rx_burst(worker->lcore->port_id[port], (uint16_t)worker->lcore->index,
                                      mbufs, SB_BURST_MAX);

    if (count == 0)
        return 0;
    worker->now.tsc = rte_rdtsc();
    for (uint16_t i = 0; i < count; i++)
        describe(&worker->burst.packets[i], mbufs[i], port, worker->now.tsc);
    worker->burst.count = count;
    sb_pipeline_run(worker->lcore, &worker->burst, &worker->now);
    carry_out(worker, worker->burst.packets, count, port);
    send_outbox(worker);
    return count;
}

/* At most one burst from each other lcore per turn, which bounds the delay of this lcore's own
 * receiving. */
static uint32_t resume(struct worker *worker, uint32_t from) {
    struct sb_handover *ring = (struct sb_handover *)worker->lcore->handover_in[from];
    uint32_t count = sb_handover_pop(ring, worker->burst.packets, SB_BURST_MAX);

    if (count == 0)
        return 0;
    worker->now.tsc = rte_rdtsc();
    worker->burst.count = (uint16_t)count;
    sb_pipeline_resume(worker->lcore, &worker->burst, &worker->now);
    carry_out_both(worker, worker->burst.packets, count);
    send_outbox(worker);
    return count;
}

/* NONE: the checksum field is not valid, but the data are known to be complete, as between virtual
 * machines on one host. BAD is ignored: some NICs report it wrongly for padded frames. Code that
 * needs the checksum verifies it itself. */
static uint16_t checksum_flags(uint64_t ol_flags) {
    uint64_t ip = ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    uint64_t l4 = ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    bool is_l4_good = l4 == RTE_MBUF_F_RX_L4_CKSUM_GOOD || l4 == RTE_MBUF_F_RX_L4_CKSUM_NONE;

    return (uint16_t)((ip == RTE_MBUF_F_RX_IP_CKSUM_GOOD ? SB_PACKET_CHECKSUM_GOOD : 0) |
                      (is_l4_good ? SB_PACKET_L4_GOOD : 0));
}

/* Sets the descriptor, and prefetches the headers for parse. */
static void describe(struct sb_packet *packet, struct rte_mbuf *mbuf, enum sb_port port,
                     uint64_t rx_tsc) {
    rte_prefetch0(rte_pktmbuf_mtod(mbuf, void *));
    packet->mbuf = (uint64_t)mbuf;
    packet->data = (uint64_t)rte_pktmbuf_mtod(mbuf, void *);
    packet->rx_tsc = rx_tsc;
    packet->length = rte_pktmbuf_pkt_len(mbuf);
    packet->available = rte_pktmbuf_data_len(mbuf);
    packet->flags = checksum_flags(mbuf->ol_flags);
    packet->port = (uint16_t)port;
}

/* Carries out the verdicts of the packets of one rx port, in their order. */
static void carry_out(struct worker *worker, struct sb_packet *packets, uint32_t count,
                      enum sb_port from) {
    struct tx_batch *batch = &worker->tx;
    uint32_t passed = 0, answered = 0, freed = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct sb_packet *packet = &packets[i];

        if (unlikely(packet->port != from)) /* from the other port */
            continue;
        if (packet->verdict == SB_VERDICT_HANDED_OVER)
            hand_over(worker, packet);
        if (packet->verdict == SB_VERDICT_PASS) {
            batch->mbufs[passed] = (struct rte_mbuf *)packet->mbuf;
            batch->packets[passed++] = packet;
        } else if (packet->verdict == SB_VERDICT_CONSUMED &&
                   (packet->flags & SB_PACKET_ANSWER) != 0) {
            trim(packet);
            worker->answers.mbufs[answered++] = (struct rte_mbuf *)packet->mbuf;
        } else if (packet->verdict != SB_VERDICT_HELD &&
                   packet->verdict != SB_VERDICT_HANDED_OVER) {
            worker->freed[freed++] = (struct rte_mbuf *)packet->mbuf;
        }
    }
    batch->count = passed;
    worker->answers.count = answered;
    if (passed > 0)
        transmit(worker, from);
    if (answered > 0)
        answer(worker, from);
    if (freed > 0)
        rte_pktmbuf_free_bulk(worker->freed, freed);
}

static void carry_out_both(struct worker *worker, struct sb_packet *packets, uint32_t count) {
    for (uint32_t port = 0; port < SB_PORT_COUNT; port++)
        carry_out(worker, packets, count, port);
}

static void hand_over(struct worker *worker, struct sb_packet *packet) {
    struct sb_lcore *lcore = worker->lcore;

    if (sb_handover_push((struct sb_handover *)lcore->handover_out[packet->owner], packet))
        return;
    sample_drop(worker, packet, SB_REASON_HANDOVER_FULL);
    sb_drop_handed_over(lcore, packet, SB_REASON_HANDOVER_FULL);
    worker->stats->handover_lost++;
}

/* Sends packets out of the other port. Packets that the queue does not accept are dropped: waiting
 * would delay receiving, and packets would then be lost in the NIC instead. */
static void transmit(struct worker *worker, enum sb_port from) {
    struct tx_batch *batch = &worker->tx;
    uint16_t queue = (uint16_t)worker->lcore->index;
    uint32_t sent = rte_eth_tx_burst(worker->lcore->port_id[from ^ 1], queue, batch->mbufs,
                                     (uint16_t)batch->count);

    count_forwarded(worker, from, batch, sent);
    if (likely(sent == batch->count))
        return;
    for (uint32_t i = sent; i < batch->count; i++) {
        sample_drop(worker, batch->packets[i], SB_REASON_TX_FULL);
        sb_drop(worker->lcore, batch->packets[i], SB_REASON_TX_FULL);
    }
    rte_pktmbuf_free_bulk(&batch->mbufs[sent], batch->count - sent);
}

static void answer(struct worker *worker, enum sb_port from) {
    struct sb_origin_stats *stats = &worker->stats->origin[SB_ORIGIN_ANSWER];
    struct tx_batch *batch = &worker->answers;
    uint32_t sent = rte_eth_tx_burst(worker->lcore->port_id[from], (uint16_t)worker->lcore->index,
                                     batch->mbufs, (uint16_t)batch->count);

    stats->sent += sent;
    stats->tx_full += batch->count - sent;
    if (sent < batch->count)
        rte_pktmbuf_free_bulk(&batch->mbufs[sent], batch->count - sent);
}

/* Sends what stages have put into the outbox. Originated frames are sent one at a time, because
 * there are few. */
static void send_outbox(struct worker *worker) {
    struct sb_outbox *outbox = (struct sb_outbox *)worker->lcore->outbox;

    if (likely(outbox == NULL || (outbox->own_count | outbox->released_count) == 0))
        return;
    for (uint32_t i = 0; i < outbox->own_count; i++)
        send_own(worker, &outbox->own[i]);
    for (uint32_t i = 0; i < outbox->released_count; i += SB_BURST_MAX)
        carry_out_both(worker, &outbox->released[i],
                       RTE_MIN(outbox->released_count - i, (uint32_t)SB_BURST_MAX));
    outbox->own_count = outbox->released_count = 0;
    fill_outbox(worker);
}

static void send_own(struct worker *worker, const struct sb_packet *packet) {
    struct sb_origin_stats *stats = &worker->stats->origin[packet->origin];
    struct rte_mbuf *mbuf = (struct rte_mbuf *)packet->mbuf;
    uint32_t sent;

    trim(packet);
    sent = rte_eth_tx_burst(worker->lcore->port_id[packet->port ^ 1],
                            (uint16_t)worker->lcore->index, &mbuf, 1);
    stats->sent += sent;
    stats->tx_full += 1 - sent;
    if (sent == 0)
        rte_pktmbuf_free(mbuf);
}

/* Fills the outbox with buffers. If the pool has none now, it may have some in the next turn.
 * Without a buffer nothing is originated; important segments are repeated. */
static void fill_outbox(struct worker *worker) {
    struct sb_outbox *outbox = (struct sb_outbox *)worker->lcore->outbox;

    while (outbox != NULL && outbox->buffer_count < SB_OUTBOX_BUFFERS) {
        struct rte_mbuf *mbuf = rte_pktmbuf_alloc((struct rte_mempool *)worker->lcore->pool);

        if (mbuf == NULL)
            return;
        outbox->buffer[outbox->buffer_count++] = (struct sb_buffer){
            .mbuf = (uint64_t)mbuf, .data = (uint64_t)rte_pktmbuf_mtod(mbuf, void *)};
    }
}

/* Reduces the mbuf to the length in its descriptor, in one segment. */
static void trim(const struct sb_packet *packet) {
    struct rte_mbuf *mbuf = (struct rte_mbuf *)packet->mbuf;

    if (unlikely(mbuf->next != NULL)) {
        rte_pktmbuf_free(mbuf->next);
        mbuf->next = NULL;
        mbuf->nb_segs = 1;
    }
    mbuf->data_len = (uint16_t)packet->length;
    mbuf->pkt_len = packet->length;
}

/* The driver owns the mbufs now, so only descriptors are read. */
static void count_forwarded(struct worker *worker, enum sb_port from, const struct tx_batch *batch,
                            uint32_t sent) {
    struct sb_port_stats *stats = &worker->stats->port[from];
    uint64_t tx_tsc = rte_rdtsc(), bytes = 0;
    uint32_t together = 0; /* received together: the whole burst, except handed-over packets */
    uint32_t requests = 0;

    for (uint32_t i = 0; i < sent; i++) {
        const struct sb_packet *packet = batch->packets[i];

        bytes += packet->length;
        together++;
        if (unlikely((packet->flags & SB_PACKET_REQUEST) != 0))
            requests += packet->requests;
        if (i + 1 == sent || batch->packets[i + 1]->rx_tsc != packet->rx_tsc) {
            uint64_t latency_ns = sb_tsc_ns(worker->node, tx_tsc - packet->rx_tsc);

            sb_latency_count(&worker->stats->latency, latency_ns, together);
            if (unlikely(requests != 0))
                sb_latency_count(&worker->stats->request_latency, latency_ns, requests);
            together = requests = 0;
        }
    }
    stats->forwarded += sent;
    stats->forwarded_bytes += bytes;
}

/* Called before the packet is freed, because the sample has its addresses. */
static void sample_drop(struct worker *worker, struct sb_packet *packet, enum sb_reason reason) {
    if (worker->lcore->sample_ds[reason] != worker->now.boot_ds)
        sb_drop_sample(worker->lcore, packet, reason, SB_MODE_ENFORCE, &worker->now);
}

static void close_handovers(struct worker *worker) {
    for (uint32_t to = 0; to < worker->node->lcore_count; to++)
        if (to != worker->lcore->index)
            sb_handover_close((struct sb_handover *)worker->lcore->handover_out[to]);
}

static bool handovers_finished(struct worker *worker) {
    for (uint32_t from = 0; from < worker->node->lcore_count; from++)
        if (from != worker->lcore->index &&
            !sb_handover_finished((struct sb_handover *)worker->lcore->handover_in[from]))
            return false;
    return true;
}
