/* ports.c: see ports.h. The only file that uses rte_eth_conf and related structures. */
#include "ports.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

/* Ethernet header, two VLAN tags. */
enum { FRAME_OVERHEAD = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN };

static void choose_offloads(const struct rte_eth_dev_info *info, uint16_t mtu,
                            struct rte_mempool *pool, struct rte_eth_conf *conf);
static int set_up_queues(uint16_t port_id, uint16_t queues, uint16_t descriptors,
                         struct rte_mempool *pool);
static int set_mtu(uint16_t port_id, uint16_t mtu);
static uint32_t mtu_max(const struct rte_eth_dev_info *info);

int sb_port_limits(uint16_t port_id, struct sb_port_limits *out) {
    struct rte_eth_dev_info info;
    int error = rte_eth_dev_info_get(port_id, &info);

    if (error != 0)
        return error;
    out->rx_queues_max = info.max_rx_queues;
    out->tx_queues_max = info.max_tx_queues;
    out->mtu_min = info.min_mtu;
    out->mtu_max = mtu_max(&info);
    snprintf(out->driver, sizeof(out->driver), "%s", info.driver_name);
    return 0;
}

int sb_port_configure(uint16_t port_id, uint16_t queues, uint16_t descriptors, uint16_t mtu,
                      struct rte_mempool *pool) {
    struct rte_eth_dev_info info;
    struct rte_eth_conf conf = {0};
    int error = rte_eth_dev_info_get(port_id, &info);

    if (error != 0)
        return error;
    choose_offloads(&info, mtu, pool, &conf);
    if (queues > 1 && (info.flow_type_rss_offloads & RTE_ETH_RSS_IP) != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & RTE_ETH_RSS_IP;
    }
    error = rte_eth_dev_configure(port_id, queues, queues, &conf);
    if (error != 0)
        return error;
    error = set_mtu(port_id, mtu);
    if (error != 0)
        return error;
    return set_up_queues(port_id, queues, descriptors, pool);
}

int sb_port_read(uint16_t port_id, struct sb_device_stats *out) {
    struct rte_eth_stats stats;
    struct rte_eth_link link;
    int error = rte_eth_stats_get(port_id, &stats);

    if (error == 0)
        error = rte_eth_link_get_nowait(port_id, &link);
    if (error != 0)
        return error;
    out->missed = stats.imissed;
    out->errors = stats.ierrors;
    out->no_mbuf = stats.rx_nombuf;
    out->tx_errors = stats.oerrors;
    out->link_up = link.link_status == RTE_ETH_LINK_UP;
    out->speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    return 0;
}

int sb_dpdk_errno(void) {
    return rte_errno;
}

/* If the device can, a frame that does not fit one buffer arrives in several segments, which are
 * forwarded unchanged. */
static void choose_offloads(const struct rte_eth_dev_info *info, uint16_t mtu,
                            struct rte_mempool *pool, struct rte_eth_conf *conf) {
    uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

    conf->rxmode.mtu = mtu;
    conf->rxmode.offloads = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
    if ((uint32_t)mtu + FRAME_OVERHEAD > room)
        conf->rxmode.offloads |= info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
    conf->txmode.offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
}

static int set_up_queues(uint16_t port_id, uint16_t queues, uint16_t descriptors,
                         struct rte_mempool *pool) {
    uint16_t rx_descriptors = descriptors;
    uint16_t tx_descriptors = descriptors;
    int error = rte_eth_dev_adjust_nb_rx_tx_desc(port_id, &rx_descriptors, &tx_descriptors);

    for (uint16_t queue = 0; error == 0 && queue < queues; queue++) {
        error = rte_eth_rx_queue_setup(port_id, queue, rx_descriptors, SOCKET_ID_ANY, NULL, pool);
        if (error == 0)
            error = rte_eth_tx_queue_setup(port_id, queue, tx_descriptors, SOCKET_ID_ANY, NULL);
    }
    return error;
}

/* Virtual devices without an MTU of their own (ring, null) return -ENOTSUP and transmit frames of
 * any size. */
static int set_mtu(uint16_t port_id, uint16_t mtu) {
    uint16_t in_force = 0;
    int error = rte_eth_dev_set_mtu(port_id, mtu);

    if (error == -ENOTSUP)
        return 0;
    if (error == 0)
        error = rte_eth_dev_get_mtu(port_id, &in_force);
    if (error == 0 && in_force != mtu)
        error = -ERANGE;
    return error;
}

/* As ethdev calculates it: a driver reports a largest frame, an MTU, or both; their difference is
 * its overhead. */
static uint32_t mtu_max(const struct rte_eth_dev_info *info) {
    bool both = info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu;
    uint32_t overhead =
        both ? info->max_rx_pktlen - info->max_mtu : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;

    if (info->max_rx_pktlen <= overhead)
        return info->max_mtu;
    return RTE_MIN((uint32_t)info->max_mtu, info->max_rx_pktlen - overhead);
}
