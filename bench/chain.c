/* chain.c: runs stages over frames in memory and counts cycles; driven by bench/chain.py.
 *
 * As in a worker, frames lie in buffers that are used round and round; receiving one writes a
 * source address into it, from as many as the run has. "Receive" alone is the base to subtract: it
 * stands for a driver that costs nothing else.
 */
#include <x86intrin.h>

#include "pipeline.h"

enum {
    FRAMES = 512,        /* descriptors of a receive queue: dataplane/ports.py */
    FRAME_STRIDE = 2304, /* an mbuf with its headroom */
    FRAME_OFFSET = 256
};

/* Where a run stops. */
enum bench_depth { RECEIVE, PARSE, SANITY, OWNER, LISTS, FORWARD, WHOLE };

struct bench_source {
    uint8_t address[16]; /* 4 or 16 bytes are used */
    uint16_t checksum;   /* of the IPv4 header with it, as it lies in memory */
    uint16_t reserved[3];
};

struct bench {
    struct sb_lcore *lcore;
    struct sb_burst *burst;
    uint8_t *frames; /* FRAMES * FRAME_STRIDE bytes, every frame filled in */
    const struct bench_source *sources;
    uint64_t source_count; /* a multiple of the burst */
    uint64_t next;         /* packets received so far */
    uint32_t frame_length;
    uint32_t source_offset; /* of the source address in a frame */
    uint32_t address_size;
    uint32_t checksum_offset; /* 0: there is none */
    struct sb_time now;
};

static inline void receive(struct bench *bench) {
    struct sb_burst *burst = bench->burst;
    const struct bench_source *source = &bench->sources[bench->next % bench->source_count];

    for (uint32_t i = 0; i < SB_BURST_MAX; i++, source++) {
        struct sb_packet *packet = &burst->packets[i];
        uint64_t frame = (bench->next + i) % FRAMES * FRAME_STRIDE + FRAME_OFFSET;
        uint8_t *data = bench->frames + frame;

        if (bench->address_size == 4)
            memcpy(data + bench->source_offset, source->address, 4);
        else
            memcpy(data + bench->source_offset, source->address, 16);
        if (bench->checksum_offset != 0)
            memcpy(data + bench->checksum_offset, &source->checksum, 2);
        packet->data = (uint64_t)(uintptr_t)data;
        packet->mbuf = packet->data;
        packet->rx_tsc = bench->now.tsc;
        packet->length = bench->frame_length;
        packet->available = (uint16_t)bench->frame_length;
        packet->flags = 0;
        packet->port = SB_PORT_OUTSIDE;
    }
    burst->count = SB_BURST_MAX;
    burst->live_count = SB_BURST_MAX;
    bench->next += SB_BURST_MAX;
}

static inline void run(struct bench *bench, enum bench_depth depth) {
    if (depth == WHOLE) {
        sb_pipeline_run(bench->lcore, bench->burst, &bench->now);
        return;
    }
    if (depth >= PARSE)
        sb_parse_stage(bench->lcore, bench->burst, &bench->now);
    if (depth >= SANITY)
        sb_sanity_stage(bench->lcore, bench->burst, &bench->now);
    if (depth >= OWNER)
        sb_owner_stage(bench->lcore, bench->burst, &bench->now);
    if (depth >= LISTS)
        sb_lists_stage(bench->lcore, bench->burst, &bench->now);
    if (depth >= FORWARD)
        sb_forward_stage(bench->lcore, bench->burst, &bench->now);
}

/* Cycles of the time stamp counter for that many bursts. */
uint64_t bench_cycles(struct bench *bench, uint32_t bursts, uint32_t depth);

uint64_t bench_cycles(struct bench *bench, uint32_t bursts, uint32_t depth) {
    uint64_t start = __rdtsc();

    for (uint32_t i = 0; i < bursts; i++) {
        receive(bench);
        run(bench, (enum bench_depth)depth);
    }
    return __rdtsc() - start;
}

/* Puts a frame into every buffer; NULL: says how many bytes the buffers need. */
uint64_t bench_fill(uint8_t *frames, const uint8_t *frame, uint32_t length);

uint64_t bench_fill(uint8_t *frames, const uint8_t *frame, uint32_t length) {
    for (uint32_t i = 0; frames != NULL && i < FRAMES; i++)
        memcpy(frames + (size_t)i * FRAME_STRIDE + FRAME_OFFSET, frame, length);
    return (uint64_t)FRAMES * FRAME_STRIDE;
}

uint64_t bench_ticks(void);

uint64_t bench_ticks(void) {
    return __rdtsc();
}
