/* syn_answer.c: answers SYNs with cookies, several SYNs together. */
#include "syn_cookie.h"
#include "syn_proxy.h"

enum {
    MSS_UNKNOWN = 1220 /* fits into IPv6's smallest MTU (RFC 8200, 5), without the headers */
};

/* The known options of a protected address and port, kept for the next SYN to the same one. */
struct host {
    struct sb_address_words address;
    uint32_t port;
    bool is_asked;
    const struct sb_host_options *options; /* NULL: not known */
};

/* SYNs of one IP version, and their answers. */
struct answers {
    uint32_t count, words;
    struct sb_packet *packet[SB_SIP_LANES];
    const struct sb_tcp_options *client[SB_SIP_LANES];
    struct sb_tcp_header header[SB_SIP_LANES];
    uint32_t mss_index[SB_SIP_LANES];
    uint64_t hashed[SB_COOKIE_WORDS][SB_SIP_LANES];
};

static void take(struct sb_burst *burst, const struct sb_tcp_options *options, uint32_t *packets,
                 struct answers *answers);
static void find_host(const struct sb_proxy *proxy, const struct sb_packet *packet,
                      struct host *host);
static void prepare(const struct sb_proxy *proxy, const struct sb_host_options *host,
                    struct answers *answers, uint32_t lane);
static void offer(const struct sb_proxy *proxy, const struct sb_host_options *host,
                  const struct sb_tcp_options *client, struct sb_tcp_options *options);
static void write_answer(const struct sb_proxy *proxy, struct sb_packet *packet,
                         const struct sb_tcp_header *header);

void sb_proxy_answer(const struct sb_proxy *proxy, struct sb_burst *burst, uint32_t packets,
                     const struct sb_tcp_options *options) {
    const uint32_t slot = proxy->slot;
    struct answers answers;
    struct host host = {.is_asked = false};
    uint64_t hashes[SB_SIP_LANES];

    while (packets != 0) {
        take(burst, options, &packets, &answers);
        for (uint32_t lane = 0; lane < answers.count; lane++) {
            find_host(proxy, answers.packet[lane], &host);
            prepare(proxy, host.options, &answers, lane);
        }
        sb_sip_hash_lanes(sb_cookie_key(proxy->node, slot), answers.hashed, answers.words, hashes);
        for (uint32_t lane = 0; lane < answers.count; lane++) {
            answers.header[lane].sequence = sb_cookie(hashes[lane], slot, answers.mss_index[lane]);
            write_answer(proxy, answers.packet[lane], &answers.header[lane]);
        }
    }
}

/* Takes the first of the packets, and others of its IP version, out of the set. */
static void take(struct sb_burst *burst, const struct sb_tcp_options *options, uint32_t *packets,
                 struct answers *answers) {
    const uint32_t version = burst->packets[__builtin_ctz(*packets)].ip_version;

    answers->count = 0;
    for (uint32_t left = *packets; left != 0 && answers->count < SB_SIP_LANES;) {
        uint32_t i = sb_take_packet(&left);

        if (burst->packets[i].ip_version != version)
            continue;
        answers->packet[answers->count] = &burst->packets[i];
        answers->client[answers->count++] = &options[i];
        *packets &= ~(1u << i);
    }
    if (answers->count < SB_SIP_LANES)
        memset(answers->hashed, 0, sizeof(answers->hashed));
}

static void find_host(const struct sb_proxy *proxy, const struct sb_packet *packet,
                      struct host *host) {
    const struct sb_address_words address = sb_protected_words(packet);
    const uint32_t port = sb_protected_port(packet);

    if (host->is_asked && host->port == port && host->address.word[0] == address.word[0] &&
        host->address.word[1] == address.word[1])
        return;
    *host = (struct host){address, port, true, sb_host_find(proxy->table, address, port)};
}

static void prepare(const struct sb_proxy *proxy, const struct sb_host_options *host,
                    struct answers *answers, uint32_t lane) {
    const struct sb_packet *packet = answers->packet[lane];
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    const uint32_t isn = sb_load32(tcp + SB_TCP_SEQUENCE);
    struct sb_tcp_header *header = &answers->header[lane];
    const struct sb_tcp_options *client = answers->client[lane];
    uint64_t words[SB_COOKIE_WORDS];
    uint32_t mss_index;

    mss_index = sb_cookie_mss_index(client->mss != 0 ? client->mss : SB_TCP_MSS_DEFAULT);
    answers->mss_index[lane] = mss_index;
    answers->words = sb_cookie_words(packet, isn, proxy->slot, mss_index, words);
    for (uint32_t i = 0; i < answers->words; i++)
        answers->hashed[i][lane] = words[i];
    *header = (struct sb_tcp_header){.acknowledgment = isn + 1,
                                     .window = SB_PROXY_WINDOW,
                                     .flags = SB_TCP_SYN | SB_TCP_ACK,
                                     .options = {.scale = SB_TCP_NO_SCALE}};
    sb_proxy_speak_as(host, packet, header);
    offer(proxy, host, client, &header->options);
}

/* The answer has only options that the client's SYN has, so it fits into the place of the SYN. The
 * client's other options return in the timestamp, so without timestamps the node can only remember
 * the MSS. */
static void offer(const struct sb_proxy *proxy, const struct sb_host_options *host,
                  const struct sb_tcp_options *client, struct sb_tcp_options *options) {
    struct sb_cookie_time says = {.scale = SB_COOKIE_NO_SCALE};

    if (client->mss != 0)
        options->mss = host != NULL ? host->mss : (uint16_t)MSS_UNKNOWN;
    if (!client->has_times || host == NULL || (host->flags & SB_HOST_TIMES) == 0)
        return;
    if (client->scale != SB_TCP_NO_SCALE && (host->flags & SB_HOST_KNOWS_SCALE) != 0 &&
        host->scale != SB_TCP_NO_SCALE) {
        says.scale = client->scale;
        says.announced_scale = options->scale = host->scale;
    }
    says.may_sack = options->may_sack = client->may_sack && (host->flags & SB_HOST_SACK) != 0;
    options->has_times = true;
    options->time_value = sb_cookie_time(proxy->now->boot_ds, says);
    options->time_echo = client->time_value;
}

static void write_answer(const struct sb_proxy *proxy, struct sb_packet *packet,
                         const struct sb_tcp_header *header) {
    uint8_t *data = (uint8_t *)(uintptr_t)packet->data;
    uint32_t length = sb_tcp_write_frame(data, packet, true, header);

    sb_answer(proxy->lcore, packet, sb_pad_frame(data, length, packet->available));
}
