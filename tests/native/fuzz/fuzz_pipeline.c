/* fuzz_pipeline.c: libFuzzer drives the stages; whatever arrives, the ledger holds, no byte changes
 * but those of what the SYN proxy answers and translates, and none beyond a packet is read.
 *
 * An input is a state and a burst; tests/native/fuzz/fuzz_corpus.py writes the same format. Byte 0:
 * bits 0 and 1 the mode of every reason (0 enforce, 1 monitor, else off), bits 2 and 3 the number
 * of lcores less one, bit 4 whether half of the list entries are over, bit 5 whether the SYN proxy
 * is on, with nothing remembered. Then packets: 2 bytes of length, little-endian, one byte of how
 * it is received (below), and the frame.
 */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"
#include "packet/reasons.h"
#include "pipeline.h"
#include "tables/countries/countries.h"
#include "tables/flows/flows.h"
#include "tables/flows/syn_proxy_table.h"
#include "tables/limits/limits_table.h"
#include "tables/lists/lists.h"
#include "tables/policy/policy.h"
#include "tables/traffic/traffic.h"

enum { STATE_BYTES = 1, HEAD_BYTES = 3, DEADLINE_DS = 1000, LISTED = 4 };
enum { OTHER_PROFILE = 1, BUCKETS = 64, CONNECTIONS = 22, WITH_PROXY = 1 << 5 };
enum { DESTINATIONS = 4 /* so few that some find no row */ };
enum { FROM_INSIDE = 1, CUT = 2, CHECKSUM_GOOD = 4, BEYOND_SHIFT = 3, BEYOND_UNIT = 4 };

static struct sb_policy *policies[3]; /* by mode */
static struct sb_lcore_stats stats;
static struct sb_node node = {.owner_key = {1, 2}, .ns_per_tsc_q24 = 1 << 24};
static struct sb_lcore lcore;
static struct sb_burst burst;
static struct sb_outbox outbox;
static uint8_t own[SB_OUTBOX_BUFFERS][SB_OWN_FRAME_MAX];
static const uint8_t *originals[SB_BURST_MAX];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void fill_profile(struct sb_profile *profile, int mode);
static struct sb_policy *make_policy(int mode, const uint8_t key[16]);
static void fill_lists(struct sb_lists *lists);
static struct sb_countries *make_countries(void);
static struct sb_flows *make_flows(void);
static struct sb_traffic_table *make_traffic(void);
static uint64_t use_proxy(void);
static void leave_proxy(uint64_t kept_flows);
static void set_state(uint8_t state);
static void receive(const uint8_t *data, size_t size);
static void receive_one(struct sb_packet *packet, const uint8_t *frame, uint32_t length,
                        uint8_t how);
static void check_packets(void);
static void check_ledger(void);
static void take_over(const struct sb_time *now);
static void check_traffic(void);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    static const uint8_t key[16] = {1};
    struct sb_limits *limits;
    struct sb_lists *lists;

    (void)argc, (void)argv;
    if (sb_lists_create(64, 64, SB_LCORES_MAX, key, NULL, &lists) != 0)
        abort();
    fill_lists(lists);
    for (int mode = 0; mode < SB_MODE_COUNT; mode++)
        policies[mode] = make_policy(mode, key);
    node.lists = (uintptr_t)lists;
    if (sb_limits_create(BUCKETS, BUCKETS, BUCKETS, key, &limits) != 0)
        abort();
    lcore.flows = (uintptr_t)make_flows();
    lcore.outbox = (uintptr_t)&outbox;
    node.cookie_slot = 1;
    memcpy(node.cookie_key, (const uint64_t[]){1, 2, 3, 4}, sizeof(node.cookie_key));
    node.countries = (uintptr_t)make_countries();
    lcore.limits = (uintptr_t)limits;
    lcore.traffic = (uintptr_t)make_traffic();
    node.sample_packets_every = 2;
    node.sample_sources_shift = 1;
    lcore.node = (uintptr_t)&node;
    lcore.stats = (uintptr_t)&stats;
    return 0;
}

/* Something of everything, so small that it is met. */
static void fill_profile(struct sb_profile *profile, int mode) {
    sb_profile_init(profile);
    memset(profile->mode, mode, SB_REASON_COUNT);
    profile->uses = SB_USE_PORTS_TCP | SB_USE_PORTS_UDP | SB_USE_REFLECTORS | SB_USE_LIMITS |
                    SB_USE_GEO_BLOCK | SB_USE_GEO_ALLOW | SB_USE_TUNNELS;
    profile->vxlan_port = 4789;
    profile->geo_block[0] = 1 << 1;
    profile->geo_allow[0] = 1 << 0 | 1 << 1;
    profile->geo_allow[SB_COUNTRY_WORDS - 1] = 1ull << SB_COUNTRY_MAX % 64;
    profile->ports_tcp = (struct sb_port_rule){.count = 1, .range = {{80, 443}}};
    profile->ports_udp = (struct sb_port_rule){.count = 1, .is_deny = 1, .range = {{1, 50}}};
    profile->reflector_count = 1;
    profile->reflector[0] = (struct sb_reflector){.port = 53, .size_min = 40};
    profile->syn_proxy = SB_SYN_PROXY_ALWAYS;
    profile->limit_count = SB_SCOPE_COUNT;
    for (int scope = 0; scope < SB_SCOPE_COUNT; scope++)
        profile->limit[scope] = (struct sb_limit){
            .increment_q16 = 1 << 30,
            .burst_q16 = 1ull << 33,
            .scope = (uint8_t)scope,
            .unit = SB_UNIT_PACKETS,
            .reason = (uint8_t)(SB_REASON_RATE_SOURCE_PACKETS + 2 * scope),
            .bits_ipv4 = 24,
            .bits_ipv6 = 48,
        };
}

static struct sb_policy *make_policy(int mode, const uint8_t key[16]) {
    /* 198.51.100.0/24, where the servers of tests/native/frames.py are. */
    static const uint8_t servers[16] = {[10] = 0xff, 0xff, 198, 51, 100};
    /* Of the clients there. */
    static const uint8_t routers[16] = {[10] = 0xff, 0xff, 203, 0, 113, 6};
    struct sb_policy *policy;

    if (sb_policy_create(1, &policy) != 0 ||
        sb_policy_target(policy, servers, 120, OTHER_PROFILE) != 0 ||
        sb_policy_neighbor(policy, routers, 127, 1 << SB_NEIGHBOR_BGP | 1 << SB_NEIGHBOR_OSPF) != 0)
        abort();
    fill_profile(sb_policy_profile(policy, 0), mode);
    fill_profile(sb_policy_profile(policy, OTHER_PROFILE), mode);
    if (sb_policy_build(policy, key) != 0)
        abort();
    return policy;
}

/* Around the clients of tests/native/frames.py: a flipped bit leads from one entry to the next. */
static void fill_lists(struct sb_lists *lists) {
    static const uint8_t never[4] = {0x20, 0x01, 0x0d, 0xb8};
    struct sb_list_record records[LISTED] = {
        {.key = {[10] = 0xff, 0xff, 203, 0, 113, 7}, .prefix_length = 128},
        {.key = {[10] = 0xff, 0xff, 203, 0, 113, 4},
         .prefix_length = 127,
         .list = SB_LIST_ALLOWLIST},
        {.prefix_length = 64},
        {.key = {[15] = 4}, .prefix_length = 127, .list = SB_LIST_ALLOWLIST},
    };

    for (int i = 0; i < LISTED; i++) {
        records[i].deadline_ds = i % 2 == 0 ? DEADLINE_DS : SB_DEADLINE_NEVER;
        if (i >= 2)
            memcpy(records[i].key, never, sizeof(never));
    }
    if (sb_lists_put(lists, records, LISTED) != 0 || sb_lists_commit(lists) != 0)
        abort();
}

/* Around the same clients: blocked, not allowed, allowed; down to single addresses of IPv6. */
static struct sb_countries *make_countries(void) {
    static const struct sb_country_range ipv4[] = {
        {.country = 0},
        {.hi = 0xcb00710200000000, .country = 1},
        {.hi = 0xcb00710300000000, .country = SB_COUNTRY_MAX},
        {.hi = 0xcb00710800000000, .country = 2},
        {.hi = 0xcb00711000000000, .country = 0},
    };
    static const struct sb_country_range ipv6[] = {
        {.country = 0},
        {.hi = 0x20010db800000000, .lo = 0, .country = SB_COUNTRY_MAX},
        {.hi = 0x20010db800000000, .lo = 6, .country = 1},
        {.hi = 0x20010db800000000, .lo = 7, .country = 2},
        {.hi = 0x20010db800000001, .lo = 0, .country = 0},
    };
    struct sb_countries *countries;

    if (sb_countries_create(ipv4, sizeof(ipv4) / sizeof(*ipv4), ipv6, sizeof(ipv6) / sizeof(*ipv6),
                            &countries) != 0)
        abort();
    return countries;
}

static struct sb_flows *make_flows(void) {
    struct sb_flow_timeouts timeouts;
    struct sb_flows *flows;

    for (int state = 0; state < SB_FLOW_STATE_COUNT; state++)
        timeouts.ds[state] = 10;
    if (sb_flows_create(CONNECTIONS, &timeouts, (const uint8_t[64]){1}, &stats.connections,
                        stats.connections_of, &flows) != 0)
        abort();
    return flows;
}

static struct sb_traffic_table *make_traffic(void) {
    struct sb_traffic_table *table;

    if (sb_traffic_create(DESTINATIONS, (const uint8_t[32]){1}, (const uint16_t[]){53}, 1,
                          &table) != 0)
        abort();
    return table;
}

/* Tables of its own: what is held dies with the input. Returns the flows to go back to. */
static uint64_t use_proxy(void) {
    struct sb_syn_proxy_table *table;
    uint64_t kept = lcore.flows;

    if (sb_syn_proxy_create(4, 8, (const uint8_t[16]){1}, &table) != 0)
        abort();
    lcore.flows = (uintptr_t)make_flows();
    lcore.syn_proxy = (uintptr_t)table;
    return kept;
}

static void leave_proxy(uint64_t kept_flows) {
    sb_flows_destroy((struct sb_flows *)(uintptr_t)lcore.flows);
    sb_syn_proxy_destroy((struct sb_syn_proxy_table *)(uintptr_t)lcore.syn_proxy);
    lcore.flows = kept_flows;
    lcore.syn_proxy = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sb_time now = {.tsc = 1};
    uint64_t kept_flows = 0;

    if (size < STATE_BYTES)
        return 0;
    set_state(data[0]);
    now.boot_ds = data[0] & 1 << 4 ? DEADLINE_DS : DEADLINE_DS - 1;
    receive(data + STATE_BYTES, size - STATE_BYTES);
    if (data[0] & WITH_PROXY)
        kept_flows = use_proxy();
    sb_pipeline_run(&lcore, &burst, &now);
    check_packets();
    check_ledger();
    take_over(&now);
    check_traffic();
    if (data[0] & WITH_PROXY)
        leave_proxy(kept_flows);
    for (uint32_t i = 0; i < SB_BURST_MAX && originals[i] != NULL; i++)
        free((void *)(uintptr_t)burst.packets[i].mbuf);
    return 0;
}

static void set_state(uint8_t state) {
    static const uint8_t modes[] = {SB_MODE_ENFORCE, SB_MODE_MONITOR, SB_MODE_OFF, SB_MODE_OFF};

    node.policy = (uintptr_t)policies[modes[state & 3]];
    node.lcore_count = 1 + (state >> 2 & 3);
    memset(&stats, 0, offsetof(struct sb_lcore_stats, profile) + 2 * sizeof(stats.profile[0]));
    memset(&burst, 0xa5, sizeof(burst));
    memset(originals, 0, sizeof(originals));
    outbox.own_count = outbox.released_count = 0;
    outbox.buffer_count = SB_OUTBOX_BUFFERS;
    for (int i = 0; i < SB_OUTBOX_BUFFERS; i++)
        outbox.buffer[i] = (struct sb_buffer){.data = (uintptr_t)own[i]};
}

static void receive(const uint8_t *data, size_t size) {
    burst.count = 0;
    while (size > HEAD_BYTES && burst.count < SB_BURST_MAX) {
        uint32_t length = data[0] | (uint32_t)data[1] << 8, rest = (uint32_t)size - HEAD_BYTES;

        length = length < rest ? length : rest;
        originals[burst.count] = data + HEAD_BYTES;
        receive_one(&burst.packets[burst.count++], data + HEAD_BYTES, length, data[2]);
        data += HEAD_BYTES + length;
        size -= HEAD_BYTES + length;
    }
}

/* how: FROM_INSIDE, CUT, CHECKSUM_GOOD, and above them how many units of the frame's end lie beyond
 * the first segment. Allocated to the byte, for AddressSanitizer. */
static void receive_one(struct sb_packet *packet, const uint8_t *frame, uint32_t length,
                        uint8_t how) {
    uint32_t beyond = (uint32_t)(how >> BEYOND_SHIFT) * BEYOND_UNIT;

    packet->length = length;
    packet->available = (uint16_t)(length - (beyond < length ? beyond : length));
    packet->flags =
        (how & CUT ? SB_PACKET_CUT : 0) | (how & CHECKSUM_GOOD ? SB_PACKET_CHECKSUM_GOOD : 0);
    packet->port = how & FROM_INSIDE ? SB_PORT_INSIDE : SB_PORT_OUTSIDE;
    packet->data = packet->mbuf = (uintptr_t)malloc(packet->available);
    memcpy((void *)(uintptr_t)packet->data, frame, packet->available);
}

static void check_packets(void) {
    for (uint32_t i = 0; i < burst.count; i++) {
        const struct sb_packet *packet = &burst.packets[i];
        uint32_t address = packet->ip_version == 6 ? 16 : 4;

        if (packet->flags & SB_PACKET_ANSWER) /* another frame by now */
            continue;
        assert(lcore.syn_proxy != 0 ||
               memcmp((const void *)(uintptr_t)packet->data, originals[i], packet->available) == 0);
        assert(packet->l3_offset <= packet->available && packet->l4_offset <= packet->available);
        assert(packet->payload_offset <= packet->available);
        assert(packet->ip_version == 0 ||
               (packet->client_offset + address <= packet->available &&
                packet->protected_offset + address <= packet->available));
        assert((packet->verdict == SB_VERDICT_DROP ||
                (packet->flags & SB_PACKET_WOULD_DROP) != 0) == (packet->reason != SB_REASON_NONE));
    }
}

/* received = forwarded + consumed + dropped + held_now: what would be forwarded is what has passed,
 * in the burst or, after it was held, in the outbox. */
static void check_ledger(void) {
    uint64_t enforced = 0, dropped = 0;

    for (int port = 0; port < SB_PORT_COUNT; port++) {
        const struct sb_port_stats *counted = &stats.port[port];
        uint64_t passed = 0, held = 0;

        for (uint32_t i = 0; i < burst.count; i++) {
            passed += burst.packets[i].port == port && burst.packets[i].verdict == SB_VERDICT_PASS;
            held += burst.packets[i].port == port &&
                    (burst.packets[i].verdict == SB_VERDICT_HELD ||
                     burst.packets[i].verdict == SB_VERDICT_HANDED_OVER);
        }
        for (uint32_t i = 0; i < outbox.released_count; i++) {
            bool is_ours = outbox.released[i].port == port;

            passed += is_ours && outbox.released[i].verdict == SB_VERDICT_PASS;
            held -= is_ours;
        }
        uint64_t rest = counted->received - passed - counted->consumed - counted->held_now;
        for (int reason = 0; reason < SB_REASON_COUNT; reason++) {
            rest -= counted->dropped[reason];
            dropped += counted->dropped[reason];
        }
        assert(rest == 0 && held == counted->held_now);
    }
    for (int reason = 0; reason < SB_REASON_COUNT; reason++)
        enforced += stats.profile[0].count[reason][SB_MODE_ENFORCE] +
                    stats.profile[OTHER_PROFILE].count[reason][SB_MODE_ENFORCE];
    assert(enforced == dropped);
}

/* What is handed over goes through the stages of its owner, and the ledger holds again. Handles are
 * moved with the descriptors, so that every allocation is still known. */
static void take_over(const struct sb_time *now) {
    uint16_t count = burst.count, taken = 0;

    for (uint16_t i = 0; i < count; i++) {
        struct sb_packet packet = burst.packets[i];

        if (packet.verdict != SB_VERDICT_HANDED_OVER)
            continue;
        burst.packets[i] = burst.packets[taken];
        burst.packets[taken++] = packet;
    }
    burst.count = taken;
    sb_pipeline_resume(&lcore, &burst, now);
    burst.count = count;
    for (uint16_t i = 0; i < taken; i++)
        assert(burst.packets[i].verdict != SB_VERDICT_DROP ||
               sb_stage_of(burst.packets[i].reason) > SB_STAGE_OWNER);
    check_ledger();
}

/* Every packet from outside counts once, for whichever destination, and every byte of it; samples
 * never overrun the collector, which takes them now. */
static void check_traffic(void) {
    static uint64_t packets, bytes;
    struct sb_traffic_table *table = (struct sb_traffic_table *)(uintptr_t)lcore.traffic;
    uint64_t counted_packets = 0, counted_bytes = 0;

    for (uint32_t i = 0; i < burst.count; i++) {
        packets += burst.packets[i].port == SB_PORT_OUTSIDE;
        bytes += burst.packets[i].port == SB_PORT_OUTSIDE ? burst.packets[i].length : 0;
    }
    for (uint32_t row = 0; row < table->rows_used; row++) {
        counted_packets += table->rows[row].count[SB_TRAFFIC_PACKETS];
        counted_bytes += table->rows[row].bytes;
    }
    for (uint32_t profile = 0; profile <= OTHER_PROFILE; profile++) {
        counted_packets += table->overflow[profile].count[SB_TRAFFIC_PACKETS];
        counted_bytes += table->overflow[profile].bytes;
    }
    assert((uint32_t)counted_packets == (uint32_t)packets && counted_bytes == bytes);
    assert(table->rows_used <= DESTINATIONS);
    assert(table->produced - table->consumed <= SB_BURST_MAX);
    table->consumed = table->produced;
    node.sample_epoch++;
    sb_traffic_capture(table, OTHER_PROFILE, 4);
}
