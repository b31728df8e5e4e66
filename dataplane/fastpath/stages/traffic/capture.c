/* capture.c: copies bytes of packets that were dropped, or are would-be drops, to the statistics
 * pages. */
#include "latency.h"
#include "packet/verdict.h"
#include "traffic.h"

_Static_assert((SB_CAPTURES_MAX & (SB_CAPTURES_MAX - 1)) == 0, "a power of two");
_Static_assert(sizeof(struct sb_capture) == 256, "four lines");

static void capture(struct sb_lcore *lcore, const struct sb_packet *packet);
static uint64_t boot_ns_of(const struct sb_lcore *lcore, const struct sb_packet *packet);

void sb_capture_burst(struct sb_lcore *lcore, const struct sb_burst *burst) {
    struct sb_traffic_table *table = sb_traffic_of(lcore);

    for (uint32_t i = 0; i < burst->count; i++) {
        const struct sb_packet *packet = &burst->packets[i];
        const uint32_t until =
            __atomic_load_n(&table->capture_until[packet->profile], __ATOMIC_RELAXED);
        uint32_t *captured = &table->captured[packet->profile];

        if (!sb_has_reason(packet) || packet->verdict == SB_VERDICT_HANDED_OVER ||
            (int32_t)(until - *captured) <= 0)
            continue;
        capture(lcore, packet);
        __atomic_store_n(captured, *captured + 1, __ATOMIC_RELAXED);
    }
}

static void capture(struct sb_lcore *lcore, const struct sb_packet *packet) {
    struct sb_lcore_stats *stats = sb_stats_of(lcore);
    struct sb_capture *place = &stats->capture[stats->capture_count % SB_CAPTURES_MAX];
    const bool is_dropped = packet->verdict == SB_VERDICT_DROP;
    const uint32_t captured =
        packet->available < SB_CAPTURE_BYTES ? packet->available : SB_CAPTURE_BYTES;
    struct sb_capture copy = {
        .boot_ns = boot_ns_of(lcore, packet),
        .length = packet->length,
        .captured = (uint16_t)captured,
        .profile = packet->profile,
        .reason = packet->reason,
        .mode = (uint8_t)(is_dropped ? SB_MODE_ENFORCE : SB_MODE_MONITOR),
        .port = (uint8_t)packet->port,
        .protected_version = packet->ip_version,
    };

    sb_packet_address(packet, packet->protected_offset, copy.protected_address);
    memcpy(copy.bytes, (const uint8_t *)(uintptr_t)packet->data, captured);
    __atomic_store_n(&place->sequence, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *place = copy;
    __atomic_store_n(&place->sequence, stats->capture_count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&stats->capture_count, stats->capture_count + 1, __ATOMIC_RELEASE);
}

/* The time of boot at which the packet was received. */
static uint64_t boot_ns_of(const struct sb_lcore *lcore, const struct sb_packet *packet) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)lcore->node;
    const struct sb_clock_pair *pair =
        &node->clock[__atomic_load_n(&node->clock_index, __ATOMIC_ACQUIRE) & 1];

    return pair->boot_ns + sb_tsc_ns(node, packet->rx_tsc - pair->tsc);
}
