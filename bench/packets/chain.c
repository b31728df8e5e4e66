/* chain.c: runs stages over frames in memory and counts cycles; driven by bench/packets/chain.py.
 *
 * As in a worker, frames are in buffers that are used in a cycle. Receiving a frame writes a source
 * address into it, which is computed from a number: an array of a million sources would compete
 * with the tables for the cache. The cost of "receive" alone is subtracted. It includes loading the
 * first cache line of each packet, and stands for a driver without any other cost.
 */
#include <x86intrin.h>

#include "packet/packet.h"
#include "pipeline.h"
#include "stages.h"

enum {
    FRAMES = 512,        /* descriptors of a receive queue: dataplane/run/ports/data_ports.py */
    FRAME_STRIDE = 2304, /* an mbuf with its headroom */
    FRAME_OFFSET = 256
};

/* The last step of a run. */
enum bench_depth {
    RECEIVE,
    PARSE,
    PROFILE,
    SANITY,
    OWNER,
    LISTS,
    COUNTRY,
    FILTER,
    LIMITS,
    CONNECTIONS,
    FORWARD,
    TRAFFIC,
    WHOLE,
    DEPTH_COUNT
};

static void count_traffic(struct sb_lcore *lcore, struct sb_burst *burst,
                          const struct sb_time *now) {
    sb_traffic_count_burst(lcore, burst, now);
}

static void (*const stages[DEPTH_COUNT])(struct sb_lcore *, struct sb_burst *,
                                         const struct sb_time *) = {
    [PARSE] = sb_parse_stage,   [PROFILE] = sb_profile_stage, [SANITY] = sb_sanity_stage,
    [OWNER] = sb_owner_stage,   [LISTS] = sb_lists_stage,     [COUNTRY] = sb_country_stage,
    [FILTER] = sb_filter_stage, [LIMITS] = sb_limits_stage,   [CONNECTIONS] = sb_connections_stage,
    [FORWARD] = sb_forward_stage, [TRAFFIC] = count_traffic,
};

struct bench {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    uint8_t *frames; /* FRAMES * FRAME_STRIDE bytes, every frame filled in */
    uint64_t first_source;
    uint64_t source_count; /* a multiple of the burst, of a power of two */
    uint64_t next;         /* packets received so far */
    uint32_t frame_length;
    uint32_t source_offset; /* of the source address in a frame */
    uint32_t address_size;
    uint32_t checksum_offset; /* 0: no such checksum */
    uint32_t checksum_base;   /* sum of the IPv4 header's words without source and checksum */
    uint32_t tcp_checksum_offset; /* 0: no stage needs it; it stays wrong */
    uint32_t tcp_checksum_base;   /* sum of pseudo header and segment without source and checksum */
    uint32_t ticks_per_burst; /* for the clock of the limits */
    const uint8_t *restored;  /* a frame to write again each time: stages change it; NULL: none */
    struct sb_time now;
};

static inline uint64_t mix(uint64_t number) {
    uint64_t mixed = (number + 1) * 0x9e3779b97f4a7c15ull;

    mixed = (mixed ^ mixed >> 32) * 0xd6e8feb86659fd93ull;
    return mixed ^ mixed >> 32;
}

/* Unicast addresses spread over all of IPv4. */
static inline uint32_t ipv4_source(uint64_t number) {
    uint32_t mixed = (uint32_t)mix(number), top = 1 + (mixed >> 24) * 222 / 256;

    return (top == 127 ? 223 : top) << 24 | (mixed & 0xffffff);
}

/* From 64 networks /20, like the sources and prefixes of bench/packets/inputs/traffic.py. */
static inline void ipv6_source(uint64_t number, uint64_t out[2]) {
    uint64_t high = mix(number), low = mix(number ^ 1ull << 40);

    out[0] = __builtin_bswap64((0x2a000ull + (low & 63)) << 44 | high >> 20);
    out[1] = __builtin_bswap64(low);
}

static inline void write_tcp_checksum(const struct bench *bench, uint8_t *data) {
    uint32_t sum = bench->tcp_checksum_base;
    uint16_t checksum;

    for (uint32_t at = 0; at < bench->address_size; at += 2)
        sum += (uint32_t)data[bench->source_offset + at] << 8 | data[bench->source_offset + at + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    checksum = __builtin_bswap16((uint16_t) ~(sum + (sum >> 16)));
    memcpy(data + bench->tcp_checksum_offset, &checksum, 2);
}

static inline void write_source(const struct bench *bench, uint64_t number, uint8_t *data) {
    if (bench->address_size == 4) {
        uint32_t source = ipv4_source(number);
        uint32_t sum = bench->checksum_base + (source >> 16) + (source & 0xffff);
        uint16_t checksum;

        sum = (sum & 0xffff) + (sum >> 16);
        checksum = __builtin_bswap16((uint16_t) ~(sum + (sum >> 16)));
        source = __builtin_bswap32(source);
        memcpy(data + bench->source_offset, &source, 4);
        memcpy(data + bench->checksum_offset, &checksum, 2);
    } else {
        uint64_t source[2];

        ipv6_source(number, source);
        memcpy(data + bench->source_offset, source, 16);
    }
}

static inline void receive(struct bench *bench) {
    struct sb_burst *burst = bench->burst;
    uint64_t number = bench->first_source + (bench->next & (bench->source_count - 1));

    for (uint32_t i = 0; i < SB_BURST_MAX; i++) {
        struct sb_packet *packet = &burst->packets[i];
        uint64_t frame = (bench->next + i) % FRAMES * FRAME_STRIDE + FRAME_OFFSET;
        uint8_t *data = bench->frames + frame;

        if (bench->restored != NULL)
            memcpy(data, bench->restored, bench->frame_length);
        write_source(bench, number + i, data);
        if (bench->tcp_checksum_offset != 0)
            write_tcp_checksum(bench, data);
        packet->data = (uint64_t)(uintptr_t)data;
        packet->mbuf = packet->data;
        packet->rx_tsc = bench->now.tsc;
        packet->length = bench->frame_length;
        packet->available = (uint16_t)bench->frame_length;
        packet->flags = 0;
        packet->port = SB_PORT_OUTSIDE;
    }
    bench->now.tsc += bench->ticks_per_burst;
    burst->count = SB_BURST_MAX;
    burst->live_count = SB_BURST_MAX;
    bench->next += SB_BURST_MAX;
}

static inline void run(struct bench *bench, enum bench_depth depth) {
    if (depth == WHOLE) {
        sb_pipeline_run(bench->lcore, bench->burst, &bench->now);
        return;
    }
    for (enum bench_depth stage = PARSE; stage <= depth; stage++)
        stages[stage](bench->lcore, bench->burst, &bench->now);
}

/* Returns the cycles of the time stamp counter for this number of bursts. */
uint64_t bench_cycles(struct bench *bench, uint32_t bursts, uint32_t depth);

uint64_t bench_cycles(struct bench *bench, uint32_t bursts, uint32_t depth) {
    uint64_t start = __rdtsc();

    for (uint32_t i = 0; i < bursts; i++) {
        receive(bench);
        run(bench, (enum bench_depth)depth);
    }
    return __rdtsc() - start;
}

enum { CLIENT_SEQUENCE = 1, SERVER_SEQUENCE = 100 };

static void write_tcp(struct bench *bench, uint8_t flags, uint32_t sequence, uint32_t ack) {
    uint32_t l4 = bench->source_offset + 2 * bench->address_size;

    for (uint32_t i = 0; i < FRAMES; i++) {
        uint8_t *tcp = bench->frames + (size_t)i * FRAME_STRIDE + FRAME_OFFSET + l4;

        sequence = __builtin_bswap32(sequence), ack = __builtin_bswap32(ack);
        memcpy(tcp + 4, &sequence, 4);
        memcpy(tcp + 8, &ack, 4);
        sequence = __builtin_bswap32(sequence), ack = __builtin_bswap32(ack);
        tcp[13] = flags;
    }
}

/* Exchanges addresses and ports of the frame, and the port on which it was received. */
static void turn_round(const struct bench *bench, struct sb_packet *packet) {
    uint8_t *source = (uint8_t *)packet->data + bench->source_offset, other[16];
    uint8_t *ports = source + 2 * bench->address_size;
    uint16_t port;

    memcpy(other, source, bench->address_size);
    memcpy(source, source + bench->address_size, bench->address_size);
    memcpy(source + bench->address_size, other, bench->address_size);
    memcpy(&port, ports, 2);
    memcpy(ports, ports + 2, 2);
    memcpy(ports + 2, &port, 2);
    packet->port ^= 1;
}

static void follow(struct bench *bench) {
    sb_parse_stage(bench->lcore, bench->burst, &bench->now);
    sb_profile_stage(bench->lcore, bench->burst, &bench->now);
    sb_connections_stage(bench->lcore, bench->burst, &bench->now);
}

/* Completes a handshake for every source; from then on the frames are acknowledgments. */
void bench_establish(struct bench *bench);

void bench_establish(struct bench *bench) {
    for (bench->next = 0; bench->next < bench->source_count;) {
        write_tcp(bench, SB_TCP_SYN, CLIENT_SEQUENCE, 0);
        receive(bench);
        follow(bench);
        write_tcp(bench, SB_TCP_SYN | SB_TCP_ACK, SERVER_SEQUENCE, CLIENT_SEQUENCE + 1);
        for (uint32_t i = 0; i < SB_BURST_MAX; i++)
            turn_round(bench, &bench->burst->packets[i]);
        follow(bench);
        write_tcp(bench, SB_TCP_ACK, CLIENT_SEQUENCE + 1, SERVER_SEQUENCE + 1);
        for (uint32_t i = 0; i < SB_BURST_MAX; i++)
            turn_round(bench, &bench->burst->packets[i]);
        follow(bench);
    }
}

/* Copies the frame into every buffer. frames NULL: only returns the size of all buffers. */
uint64_t bench_fill(uint8_t *frames, const uint8_t *frame, uint32_t length);

uint64_t bench_fill(uint8_t *frames, const uint8_t *frame, uint32_t length) {
    for (uint32_t i = 0; frames != NULL && i < FRAMES; i++)
        memcpy(frames + (size_t)i * FRAME_STRIDE + FRAME_OFFSET, frame, length);
    return (uint64_t)FRAMES * FRAME_STRIDE;
}

/* Fills in records that ban the sources 0 to count - 1. */
void bench_bans(struct sb_list_record *records, uint64_t count, uint32_t address_size);

void bench_bans(struct sb_list_record *records, uint64_t count, uint32_t address_size) {
    for (uint64_t i = 0; i < count; i++) {
        struct sb_list_record *record = &records[i];

        *record = (struct sb_list_record){
            .deadline_ds = SB_DEADLINE_NEVER, .prefix_length = 128, .list = SB_LIST_BLACKLIST};
        if (address_size == 4) {
            uint32_t source = __builtin_bswap32(ipv4_source(i));

            memset(record->key + 10, 0xff, 2);
            memcpy(record->key + 12, &source, 4);
        } else {
            uint64_t source[2];

            ipv6_source(i, source);
            memcpy(record->key, source, 16);
        }
    }
}

uint64_t bench_ticks(void);

uint64_t bench_ticks(void) {
    return __rdtsc();
}
