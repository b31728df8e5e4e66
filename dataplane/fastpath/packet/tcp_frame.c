#include "tcp_frame.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { MSS_BYTES = 4, SCALE_BYTES = 3, MAY_SACK_BYTES = 2, TIMES_BYTES = 10, BLOCK_BYTES = 8 };

static inline uint32_t network(uint32_t value) {
    return __builtin_bswap32(value);
}

/* Writes consecutive words and adds them up. It reads nothing that was just written, because
 * loading more than one such word would wait for all the stores. */
struct writer {
    uint8_t *at;
    uint64_t sum;
};

static void read_option(const uint8_t *option, uint32_t offset, struct sb_tcp_options *options);
ALWAYS_INLINE uint32_t write_segment(uint8_t *out, const struct sb_packet *like, bool back,
                                     const struct sb_tcp_header *header, const uint8_t *payload,
                                     uint32_t payload_size);
static inline void write_link(uint8_t *out, const struct sb_packet *like, bool back);
static inline uint64_t write_ipv4(uint8_t *ip, const uint8_t *like, bool back,
                                  const struct sb_tcp_header *header, uint32_t payload);
static inline uint64_t write_ipv6(uint8_t *ip, const uint8_t *like, bool back,
                                  const struct sb_tcp_header *header, uint32_t payload);
static inline uint32_t options_size(const struct sb_tcp_options *options);
static inline void put_options(struct writer *writer, const struct sb_tcp_options *options);
static inline void put_payload(struct writer *writer, const uint8_t *payload, uint32_t size);
static inline uint16_t checksum(uint64_t sum);

static inline void put(struct writer *writer, uint32_t word) {
    memcpy(writer->at, &word, sizeof(word));
    writer->at += sizeof(word);
    writer->sum += word;
}

void sb_tcp_read_options(const struct sb_packet *packet, struct sb_tcp_options *options) {
    const uint8_t *tcp = (const uint8_t *)(uintptr_t)packet->data + packet->l4_offset;
    uint32_t at = SB_TCP_BYTES, end = (uint32_t)packet->payload_offset - packet->l4_offset;

    *options = (struct sb_tcp_options){.scale = SB_TCP_NO_SCALE};
    while (at < end && tcp[at] != SB_TCP_OPTION_END) {
        uint32_t size;

        if (tcp[at] == SB_TCP_OPTION_NOP) {
            at++;
            continue;
        }
        size = at + 1 < end ? tcp[at + 1] : 0;
        if (size < 2 || at + size > end)
            return;
        read_option(tcp + at, at, options);
        at += size;
    }
}

static void read_option(const uint8_t *option, uint32_t offset, struct sb_tcp_options *options) {
    uint32_t size = option[1];

    if (option[0] == SB_TCP_OPTION_MSS && size == MSS_BYTES) {
        options->mss = (uint16_t)sb_load16(option + 2);
    } else if (option[0] == SB_TCP_OPTION_SCALE && size == SCALE_BYTES) {
        options->scale = option[2] < SB_TCP_SCALE_MAX ? option[2] : (uint8_t)SB_TCP_SCALE_MAX;
    } else if (option[0] == SB_TCP_OPTION_MAY_SACK && size == MAY_SACK_BYTES) {
        options->may_sack = true;
    } else if (option[0] == SB_TCP_OPTION_TIMES && size == TIMES_BYTES) {
        options->has_times = true;
        options->time_value = sb_load32(option + 2);
        options->time_echo = sb_load32(option + 6);
        options->times_offset = (uint16_t)(offset + 2);
    } else if (option[0] == SB_TCP_OPTION_SACK && size > 2 && (size - 2) % BLOCK_BYTES == 0) {
        options->sack_offset = (uint16_t)(offset + 2);
        options->sack_edges = (uint16_t)((size - 2) / 4);
    } else if (option[0] == SB_TCP_OPTION_MD5 || option[0] == SB_TCP_OPTION_AO) {
        options->is_signed = true;
    }
}

uint32_t sb_tcp_write_frame(uint8_t *out, const struct sb_packet *like, bool back,
                            const struct sb_tcp_header *header) {
    return write_segment(out, like, back, header, NULL, 0);
}

uint32_t sb_tcp_write_segment(uint8_t *out, const struct sb_packet *like, bool back,
                              const struct sb_tcp_header *header, const uint8_t *payload,
                              uint32_t payload_size) {
    return write_segment(out, like, back, header, payload, payload_size);
}

ALWAYS_INLINE uint32_t write_segment(uint8_t *out, const struct sb_packet *like, bool back,
                                     const struct sb_tcp_header *header, const uint8_t *payload,
                                     uint32_t payload_size) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)like->data, *like_ip = data + like->l3_offset;
    /* Read before anything overwrites them. */
    const uint32_t ports = sb_load32_raw(data + like->l4_offset);
    const bool is_ipv4 = like->ip_version == 4;
    uint32_t tcp_bytes = SB_TCP_BYTES + options_size(&header->options);
    uint32_t bytes = tcp_bytes + payload_size;
    uint8_t *ip = out + like->l3_offset, *tcp = ip + (is_ipv4 ? SB_IPV4_BYTES : SB_IPV6_BYTES);
    struct writer writer = {.at = tcp};
    uint16_t check;

    write_link(out, like, back);
    writer.sum = network(SB_PROTOCOL_TCP << 16 | bytes) +
                 (is_ipv4 ? write_ipv4(ip, like_ip, back, header, bytes)
                          : write_ipv6(ip, like_ip, back, header, bytes));
    put(&writer, back ? ports << 16 | ports >> 16 : ports);
    put(&writer, network(header->sequence));
    put(&writer, network(header->acknowledgment));
    put(&writer, network(tcp_bytes << 26 | (uint32_t)header->flags << 16 | header->window));
    put(&writer, 0);
    put_options(&writer, &header->options);
    put_payload(&writer, payload, payload_size);
    check = checksum(writer.sum);
    memcpy(tcp + SB_TCP_CHECKSUM, &check, sizeof(check));
    return (uint32_t)(tcp - out) + bytes;
}

static inline void write_link(uint8_t *out, const struct sb_packet *like, bool back) {
    const uint8_t *link = (const uint8_t *)(uintptr_t)like->data;
    uint64_t first = sb_load64_raw(link), rest = sb_load32_raw(link + 8);

    if (back) { /* in registers: loading bytes that were just stored is slow */
        uint64_t source = first >> 48 | rest << 16;

        rest = first >> 16 & UINT32_MAX;
        first = source | first << 48;
    }
    if (out != link)
        memcpy(out + SB_ETHERNET_MACS, link + SB_ETHERNET_MACS, like->l3_offset - SB_ETHERNET_MACS);
    memcpy(out, &first, sizeof(first));
    memcpy(out + sizeof(first), &rest, SB_ETHERNET_MACS - sizeof(first));
}

/* like: the header with the addresses to use; ip may be the same header. Returns the sum of the
 * addresses, for the pseudo header. */
static inline uint64_t write_ipv4(uint8_t *ip, const uint8_t *like, bool back,
                                  const struct sb_tcp_header *header, uint32_t payload) {
    const uint32_t source = sb_load32_raw(like + (back ? SB_IPV4_DESTINATION : SB_IPV4_SOURCE));
    const uint32_t destination =
        sb_load32_raw(like + (back ? SB_IPV4_SOURCE : SB_IPV4_DESTINATION));
    const uint32_t lifetime = network((uint32_t)header->lifetime << 24 | SB_PROTOCOL_TCP << 16);
    struct writer writer = {.at = ip};

    put(&writer, network((4u << 4 | SB_IPV4_BYTES / 4) << 24 |
                         (uint32_t)header->traffic_class << 16 | (SB_IPV4_BYTES + payload)));
    put(&writer, network(SB_IPV4_DONT_FRAGMENT));
    /* The checksum's half of this word is 0 in the sum. */
    writer.sum += (uint64_t)lifetime + source + destination;
    put(&writer, lifetime | (uint32_t)checksum(writer.sum) << 16);
    put(&writer, source);
    put(&writer, destination);
    return (uint64_t)source + destination;
}

static inline uint64_t write_ipv6(uint8_t *ip, const uint8_t *like, bool back,
                                  const struct sb_tcp_header *header, uint32_t payload) {
    struct writer writer = {.at = ip};
    uint32_t source[4], destination[4];

    memcpy(source, like + (back ? SB_IPV6_DESTINATION : SB_IPV6_SOURCE), sizeof(source));
    memcpy(destination, like + (back ? SB_IPV6_SOURCE : SB_IPV6_DESTINATION), sizeof(destination));
    put(&writer, network(6u << 28 | (uint32_t)header->traffic_class << 20));
    put(&writer, network(payload << 16 | SB_PROTOCOL_TCP << 8 | header->lifetime));
    writer.sum = 0;
    for (uint32_t i = 0; i < 4; i++)
        put(&writer, source[i]);
    for (uint32_t i = 0; i < 4; i++)
        put(&writer, destination[i]);
    return writer.sum;
}

/* The size of every group of options is a multiple of four bytes. */
static inline uint32_t options_size(const struct sb_tcp_options *options) {
    uint32_t size = options->mss != 0 ? MSS_BYTES : 0;

    if (options->has_times)
        size += 2 + TIMES_BYTES; /* with "SACK permitted", or two NOPs, before it */
    else if (options->may_sack)
        size += 2 + MAY_SACK_BYTES;
    return size + (options->scale != SB_TCP_NO_SCALE ? 1 + SCALE_BYTES : 0);
}

static inline void put_options(struct writer *writer, const struct sb_tcp_options *options) {
    const uint32_t may_sack = SB_TCP_OPTION_MAY_SACK << 8 | MAY_SACK_BYTES;
    const uint32_t nops = SB_TCP_OPTION_NOP << 8 | SB_TCP_OPTION_NOP;

    if (options->mss != 0)
        put(writer, network(SB_TCP_OPTION_MSS << 24 | MSS_BYTES << 16 | options->mss));
    if (options->has_times) {
        put(writer, network((options->may_sack ? may_sack : nops) << 16 | SB_TCP_OPTION_TIMES << 8 |
                            TIMES_BYTES));
        put(writer, network(options->time_value));
        put(writer, network(options->time_echo));
    } else if (options->may_sack) {
        put(writer, network(may_sack << 16 | nops));
    }
    if (options->scale != SB_TCP_NO_SCALE)
        put(writer, network(SB_TCP_OPTION_NOP << 24 | SB_TCP_OPTION_SCALE << 16 | SCALE_BYTES << 8 |
                            options->scale));
}

/* The last word of the sum is filled up with zeros (RFC 1071, 1). */
static inline void put_payload(struct writer *writer, const uint8_t *payload, uint32_t size) {
    uint32_t whole = size & ~3u, last = 0;

    for (uint32_t at = 0; at < whole; at += 4)
        put(writer, sb_load32_raw(payload + at));
    if (size == whole)
        return;
    memcpy(&last, payload + whole, size - whole);
    memcpy(writer->at, &last, size - whole);
    writer->sum += last;
}

/* In one's complement the order of bytes does not matter if it is the same everywhere (RFC 1071,
 * 2). */
static inline uint16_t checksum(uint64_t sum) {
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~(sum + (sum >> 16));
}
