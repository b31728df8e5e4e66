/* fuzz_stream.c: libFuzzer sends segments of one connection to an inspected port, in any order;
 * what the host can have of them never holds a request that is refused, whichever copy of a byte it
 * keeps.
 *
 * An input is a state and steps; tests/native/fuzz/stream_corpus.py writes the same format. Byte 0:
 * bits 0 and 1 how much of a body is inspected, bit 2 whether what can't be inspected is refused.
 * A step: its kind (below) with flags (FAR: half of all numbers away), two numbers of 2 bytes,
 * little-endian, one byte of length, and so many bytes of payload.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "packet/packet.h"
#include "packet/reasons.h"
#include "pipeline.h"
#include "stages/http/framing/message.h"
#include "tables/flows/flows.h"
#include "tables/http/http_table.h"
#include "tables/policy/policy.h"

enum { STATE_BYTES = 1, STEP_BYTES = 6, STREAM_MAX = 1 << 14, STEPS_MAX = 64 };
enum {
    CLIENT = 0,
    CLIENT_TOO = 1,
    HOST = 2,
    TIME = 3,
    CLIENT_OPENS = 4,
    HOST_OPENS = 5,
    KINDS = 6
};
enum { KIND = 7, FIN = 1 << 3, RST = 1 << 4, URG = 1 << 5, WRONG = 1 << 6, FAR = 1 << 7 };
enum { HEADERS = 14 + 20 + 20, ISN = 0x7fffff00, HOST_ISN = 0xfffffff0 };
enum { ELSEWHERE = 1 << 30 /* of the host\'s numbers: in no window of those before */ };

/* What a host that keeps the first, or the last, copy of each byte has. */
struct stream {
    uint8_t bytes[STREAM_MAX];
    uint8_t is_there[STREAM_MAX];
};

static struct sb_policy *policies[4]; /* by how much of a body is inspected */
static struct sb_policy *closed;
static struct sb_lcore_stats stats;
static struct sb_node node = {.owner_key = {1, 2}, .ns_per_tsc_q24 = 1 << 24, .lcore_count = 1};
static struct sb_lcore lcore;
static struct sb_burst burst;
static struct sb_outbox outbox;
static uint8_t own[SB_OUTBOX_BUFFERS][SB_OWN_FRAME_MAX];
static struct stream first, last;
static uint32_t base;  /* number of the first byte of both */
static uint32_t acked; /* so many of their bytes */
static struct sb_time now;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sb_policy *make_policy(uint32_t body_limit, bool is_closed) {
    struct sb_policy *policy;
    struct sb_profile *profile;

    if (sb_policy_create(0, &policy) != 0)
        abort();
    profile = sb_policy_profile(policy, 0);
    profile->uses = SB_USE_HTTP;
    profile->http.port[0] = 80;
    profile->http.port_count = 1;
    profile->http.body_limit = body_limit;
    profile->http.fail_closed = is_closed;
    profile->http.head_s = profile->http.body_s = profile->http.read_s = 10;
    profile->http.body_rate = profile->http.read_rate = 500;
    if (sb_policy_build(policy, (const uint8_t[16]){1}) != 0)
        abort();
    return policy;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    policies[0] = make_policy(SB_HTTP_BODY_LIMIT, false);
    policies[1] = make_policy(0, false);
    policies[2] = make_policy(16, false);
    policies[3] = make_policy(300, false);
    closed = make_policy(SB_HTTP_BODY_LIMIT, true);
    lcore = (struct sb_lcore){
        .node = (uintptr_t)&node, .stats = (uintptr_t)&stats, .outbox = (uintptr_t)&outbox};
    return 0;
}

static void fill_outbox(void) {
    outbox.own_count = outbox.released_count = 0;
    outbox.buffer_count = SB_OUTBOX_BUFFERS;
    for (int i = 0; i < SB_OUTBOX_BUFFERS; i++)
        outbox.buffer[i] = (struct sb_buffer){.data = (uintptr_t)own[i]};
}

static void put(uint8_t *at, uint32_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* True: it passes. */
static bool send(bool from_client, uint32_t sequence, uint32_t acknowledgment, uint8_t flags,
                 const uint8_t *payload, uint32_t size, bool is_wrong) {
    uint8_t *frame = calloc(1, HEADERS + size), *ip = frame + 14, *tcp = ip + 20;
    const uint32_t client = 0xcb007107, server = 0xc633640a;
    struct sb_packet *packet = &burst.packets[0];
    bool passes;

    put(frame + 12, 0x0800, 2);
    ip[0] = 0x45;
    put(ip + 2, 40 + size, 2);
    ip[8] = 64;
    ip[9] = 6;
    put(ip + 12, from_client ? client : server, 4);
    put(ip + 16, from_client ? server : client, 4);
    put(tcp, from_client ? 40000 : 80, 2);
    put(tcp + 2, from_client ? 80 : 40000, 2);
    put(tcp + 4, sequence, 4);
    put(tcp + 8, acknowledgment, 4);
    tcp[12] = 5 << 4;
    tcp[13] = flags;
    put(tcp + 14, 65535, 2);
    if (size != 0)
        memcpy(tcp + 20, payload, size);
    memset(&burst, 0xa5, sizeof(burst));
    burst.count = 1;
    *packet = (struct sb_packet){
        .data = (uintptr_t)frame,
        .length = HEADERS + size,
        .available = (uint16_t)(HEADERS + size),
        .flags = (uint16_t)(SB_PACKET_CHECKSUM_GOOD | (is_wrong ? 0 : SB_PACKET_L4_GOOD)),
        .port = from_client ? SB_PORT_OUTSIDE : SB_PORT_INSIDE,
        .http = 0xa5a5a5a5};
    fill_outbox();
    sb_pipeline_run(&lcore, &burst, &now);
    passes = packet->verdict == SB_VERDICT_PASS;
    free(frame);
    return passes;
}

static void forget_streams(uint32_t number) {
    base = number;
    acked = 0;
    memset(first.is_there, 0, sizeof(first.is_there));
    memset(last.is_there, 0, sizeof(last.is_there));
}

/* What has passed, and is not acknowledged yet. */
static void take(uint32_t sequence, const uint8_t *payload, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        const uint32_t at = sequence + i - base;

        if (at >= STREAM_MAX || at < acked)
            continue;
        if (!first.is_there[at])
            first.bytes[at] = payload[i];
        last.bytes[at] = payload[i];
        first.is_there[at] = last.is_there[at] = 1;
    }
}

static uint32_t length_of(const struct stream *stream) {
    uint32_t length = 0;

    while (length < STREAM_MAX && stream->is_there[length])
        length++;
    return length;
}

/* Reads a stream as if it had come at once. */
static void check(const struct stream *stream) {
    const struct sb_profile *profile =
        sb_policy_profile((struct sb_policy *)(uintptr_t)node.policy, 0);
    const uint32_t length = length_of(stream);
    static struct sb_http_message message;
    uint32_t at = 0;

    while (at < length) {
        enum sb_http_progress progress = SB_HTTP_HEAD, before;
        uint64_t fed;

        sb_http_message_begin(&message);
        do {
            before = progress;
            fed = message.fed;
            progress = sb_http_feed(&message, stream->bytes + at, length - at);
        } while (progress != SB_HTTP_BROKEN && progress != SB_HTTP_COMPLETE &&
                 (progress != before || message.fed != fed));
        assert(progress != SB_HTTP_BROKEN);
        for (uint64_t found = message.faults; found != 0; found &= found - 1) {
            const uint32_t reason = sb_http_fault_reason((uint32_t)__builtin_ctzll(found));

            assert(progress == SB_HTTP_HEAD || profile->mode[reason] != SB_MODE_ENFORCE);
        }
        if (progress != SB_HTTP_COMPLETE)
            return;
        at += (uint32_t)message.fed;
        while (!message.keep_alive && at < length) {
            assert(stream->bytes[at] == '\r' || stream->bytes[at] == '\n');
            at++;
        }
    }
}

static void step(const uint8_t *data, uint32_t size) {
    const uint32_t a = data[1] | (uint32_t)data[2] << 8, b = data[3] | (uint32_t)data[4] << 8;
    const uint8_t *payload = data + STEP_BYTES;
    const uint8_t flags =
        (uint8_t)(SB_TCP_ACK | (data[0] & FIN ? SB_TCP_FIN : 0) | (data[0] & RST ? SB_TCP_RST : 0) |
                  (data[0] & URG ? SB_TCP_URG : 0));
    const uint32_t had = length_of(&first), from = base + a + (data[0] & FAR ? 1u << 31 : 0);

    switch ((data[0] & KIND) % KINDS) {
    case CLIENT:
    case CLIENT_TOO:
        if (send(true, from, HOST_ISN + 1 + b, flags, payload, size, (data[0] & WRONG) != 0) &&
            (flags & (SB_TCP_RST | SB_TCP_URG)) == 0 && (data[0] & WRONG) == 0)
            take(from, payload, size);
        break;
    case HOST:
        if (send(false, HOST_ISN + 1 + b, base + (a < had ? a : had), flags, payload, size, false))
            acked = a < had ? (a > acked ? a : acked) : had;
        break;
    case TIME:
        now.boot_ds += a % 256;
        now.tsc += b;
        break;
    case CLIENT_OPENS:
        (void)send(true, base + a, 0, SB_TCP_SYN, payload, size, false);
        break;
    default:
        if (send(false, HOST_ISN + ELSEWHERE + b, base + a + 1, SB_TCP_SYN | SB_TCP_ACK, payload, 0,
                 false))
            forget_streams(base + a + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sb_flow_timeouts timeouts;
    struct sb_flows *flows;
    struct sb_http *http;

    if (size < STATE_BYTES)
        return 0;
    memset(&stats, 0, offsetof(struct sb_lcore_stats, profile) + sizeof(stats.profile[0]));
    for (int state = 0; state < SB_FLOW_STATE_COUNT; state++)
        timeouts.ds[state] = 100;
    if (sb_flows_create(4, &timeouts, (const uint8_t[64]){1}, &stats.connections,
                        stats.connections_of, &flows) != 0 ||
        sb_http_create(flows, SB_HTTP_POOL_STEP, (const uint8_t[16]){1}, &stats.http, &http) != 0)
        abort();
    lcore.flows = (uintptr_t)flows;
    lcore.http = (uintptr_t)http;
    node.policy = (uintptr_t)(data[0] & 4 ? closed : policies[data[0] & 3]);
    now = (struct sb_time){.tsc = 1, .boot_ds = 1000};
    forget_streams(ISN + 1);
    (void)send(true, ISN, 0, SB_TCP_SYN, NULL, 0, false);
    (void)send(false, HOST_ISN, ISN + 1, SB_TCP_SYN | SB_TCP_ACK, NULL, 0, false);
    (void)send(true, ISN + 1, HOST_ISN + 1, SB_TCP_ACK, NULL, 0, false);
    data += STATE_BYTES;
    size -= STATE_BYTES;
    for (int steps = 0; size >= STEP_BYTES && steps < STEPS_MAX; steps++) {
        const uint32_t rest = (uint32_t)size - STEP_BYTES;
        const uint32_t length = data[5] < rest ? data[5] : rest;

        step(data, length);
        check(&first);
        check(&last);
        data += STEP_BYTES + length;
        size -= STEP_BYTES + length;
    }
    sb_http_destroy(http);
    sb_flows_destroy(flows);
    return 0;
}
