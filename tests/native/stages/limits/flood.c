/* flood.c: for test_limits_flood.py: packets from random sources, millions of them, and between them
 * those of some that behave well, and of one that does not. Python could not make so many. */
#include <stdlib.h>
#include <string.h>

#include "pipeline.h"

enum { FRAME_BYTES = 60, SOURCE = 26, CHECKSUM = 24 };

typedef void run_function(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now);

struct flood {
    run_function *run; /* sb_pipeline_run */
    struct sb_lcore *lcore;
    const uint8_t *frame; /* FRAME_BYTES: untagged IPv4 without options */
    uint64_t bursts;
    uint64_t ns_per_burst;
    uint64_t random;        /* state of the sources; not 0 */
    uint64_t good_sources;  /* 10.0.0.0 and following */
    uint64_t good_interval; /* bursts from one packet of a good source to its next */
    uint64_t sent[3]; /* by enum kind */
    uint64_t dropped[3];
};

enum kind { GOOD, BAD, FORGED };

int flood_run(struct flood *flood);

/* Marsaglia, "Xorshift RNGs", 2003. */
static uint32_t next_source(struct flood *flood) {
    flood->random ^= flood->random << 13;
    flood->random ^= flood->random >> 7;
    flood->random ^= flood->random << 17;
    return 0x80000000u | (uint32_t)(flood->random >> 34); /* 128.0.0.0 to 191.255.255.255 */
}

static void write_frame(const struct flood *flood, uint8_t *bytes, uint32_t source) {
    uint32_t sum = 0;

    memcpy(bytes, flood->frame, FRAME_BYTES);
    source = __builtin_bswap32(source);
    memcpy(bytes + SOURCE, &source, sizeof(source));
    memset(bytes + CHECKSUM, 0, 2);
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~(sum + (sum >> 16));
    bytes[CHECKSUM] = (uint8_t)(sum >> 8);
    bytes[CHECKSUM + 1] = (uint8_t)sum;
}

static void receive(struct sb_packet *packet, uint8_t *bytes) {
    packet->data = packet->mbuf = (uintptr_t)bytes;
    packet->length = packet->available = FRAME_BYTES;
    packet->flags = 0;
    packet->port = SB_PORT_OUTSIDE;
}

/* The first packet of a burst is a good source's, when it is the turn of one; the second the bad
 * one's, in every burst. */
static enum kind kind_of(const struct flood *flood, uint64_t turn, uint32_t i) {
    if (i == 0 && turn < flood->good_sources)
        return GOOD;
    return i == 1 ? BAD : FORGED;
}

static uint32_t source_of(struct flood *flood, enum kind kind, uint64_t turn) {
    switch (kind) {
    case GOOD:
        return 0x0a000000u + (uint32_t)turn;
    case BAD:
        return 0x0b000000u;
    default:
        return next_source(flood);
    }
}

int flood_run(struct flood *flood) {
    struct sb_burst *burst = aligned_alloc(SB_CACHE_LINE, sizeof(*burst));
    uint8_t(*bytes)[64] = malloc(SB_BURST_MAX * sizeof(*bytes));
    struct sb_time now = {.boot_ds = 1};

    for (uint64_t n = 0; burst != NULL && bytes != NULL && n < flood->bursts; n++) {
        uint64_t turn = n % flood->good_interval;

        now.tsc = 1000000000ull + n * flood->ns_per_burst;
        for (uint32_t i = 0; i < SB_BURST_MAX; i++) {
            enum kind kind = kind_of(flood, turn, i);

            write_frame(flood, bytes[i], source_of(flood, kind, turn));
            receive(&burst->packets[i], bytes[i]);
            flood->sent[kind]++;
        }
        burst->count = SB_BURST_MAX;
        flood->run(flood->lcore, burst, &now);
        for (uint32_t i = 0; i < SB_BURST_MAX; i++)
            flood->dropped[kind_of(flood, turn, i)] +=
                burst->packets[i].verdict == SB_VERDICT_DROP;
    }
    free(bytes);
    free(burst);
    return flood->sent[FORGED] > 0 ? 0 : 1;
}
