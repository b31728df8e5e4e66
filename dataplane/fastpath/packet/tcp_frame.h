/* tcp_frame.h: reads TCP options, writes frames that the node originates, and changes headers in
 * place. */
#ifndef SB_TCP_FRAME_H
#define SB_TCP_FRAME_H

#include "packet.h"

enum { SB_TCP_NO_SCALE = 0xff };

/* The options of one header, up to the first malformed one. */
struct sb_tcp_options {
    uint16_t mss;   /* 0: no such option */
    uint8_t scale;  /* SB_TCP_NO_SCALE: no such option */
    bool may_sack;  /* "SACK permitted" */
    bool has_times; /* RFC 7323, 3 */
    bool is_signed; /* TCP-MD5, TCP-AO */
    uint32_t time_value, time_echo;
    uint16_t times_offset; /* of the two times, from the header's first byte */
    uint16_t sack_offset;  /* of the first block's left edge */
    uint16_t sack_edges;   /* twice the number of blocks; 0: none */
};

/* The header fields of a frame that the node originates. */
struct sb_tcp_header {
    uint32_t sequence, acknowledgment;
    uint16_t window;
    uint8_t flags;         /* enum sb_tcp_flag */
    uint8_t lifetime;      /* TTL, hop limit */
    uint8_t traffic_class; /* DSCP << 2 */
    struct sb_tcp_options options;
};

static inline uint8_t sb_ip_lifetime(const struct sb_packet *packet) {
    const uint8_t *ip = (const uint8_t *)(uintptr_t)packet->data + packet->l3_offset;

    return ip[packet->ip_version == 4 ? SB_IPV4_LIFETIME : SB_IPV6_HOP_LIMIT];
}

/* Without ECN, which is negotiated between the hosts and concerns single packets. */
static inline uint8_t sb_ip_traffic_class(const struct sb_packet *packet) {
    const uint8_t *ip = (const uint8_t *)(uintptr_t)packet->data + packet->l3_offset;
    uint32_t found = packet->ip_version == 4 ? ip[SB_IPV4_CLASS] : sb_load16(ip) >> 4;

    return (uint8_t)(found & 0xff & ~(uint32_t)SB_IP_ECN_MASK);
}

/* parse has checked that the header, with its options, is readable. */
void sb_tcp_read_options(const struct sb_packet *packet, struct sb_tcp_options *options);

/* Writes a frame between the hosts of a TCP packet, in its VLANs: to the sender of that packet
 * (back) or to its receiver. out may be the place of that packet; it has room for
 * SB_OWN_HEADERS_MAX bytes, or as much as the packet has if that suffices. Returns the length,
 * without padding. */
uint32_t sb_tcp_write_frame(uint8_t *out, const struct sb_packet *like, bool back,
                            const struct sb_tcp_header *header);

/* As sb_tcp_write_frame, with a payload of at most SB_OWN_PAYLOAD_MAX bytes, which must not overlap
 * out. out has room for SB_OWN_FRAME_MAX bytes. */
uint32_t sb_tcp_write_segment(uint8_t *out, const struct sb_packet *like, bool back,
                              const struct sb_tcp_header *header, const uint8_t *payload,
                              uint32_t payload_size);

/* Adds zeros to a frame that is shorter than Ethernet's minimum, as far as there is room. Returns
 * the length. */
static inline uint32_t sb_pad_frame(uint8_t *frame, uint32_t length, uint32_t room) {
    uint32_t padded = room < SB_FRAME_MIN ? room : SB_FRAME_MIN;

    if (length >= padded)
        return length;
    memset(frame + length, 0, padded - length);
    return padded;
}

/* --- rewriting ------------------------------------------------------------------------------- */

/* A TCP header that is being changed. Each change also updates the checksum (RFC 1624, equation 3).
 */
struct sb_tcp_rewrite {
    uint8_t *tcp;
    uint64_t sum;
};

static inline struct sb_tcp_rewrite sb_tcp_rewrite(const struct sb_packet *packet) {
    uint8_t *tcp = (uint8_t *)(uintptr_t)packet->data + packet->l4_offset;

    return (struct sb_tcp_rewrite){tcp, (uint16_t)~sb_load16(tcp + SB_TCP_CHECKSUM)};
}

static inline void sb_store16(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)(value >> 8);
    bytes[1] = (uint8_t)value;
}

static inline void sb_store32(uint8_t *bytes, uint32_t value) {
    value = __builtin_bswap32(value);
    memcpy(bytes, &value, sizeof(value));
}

/* In one's complement, a word at an odd offset counts as if its bytes were swapped. */
static inline uint32_t sb_sum_of(uint32_t word, uint32_t offset) {
    return (offset & 1) == 0 ? word : (uint32_t)__builtin_bswap16((uint16_t)word);
}

static inline void sb_tcp_put16(struct sb_tcp_rewrite *rewrite, uint32_t offset, uint32_t value) {
    uint32_t old = sb_load16(rewrite->tcp + offset);

    rewrite->sum += sb_sum_of(~old & 0xffff, offset) + sb_sum_of(value, offset);
    sb_store16(rewrite->tcp + offset, value);
}

static inline void sb_tcp_put32(struct sb_tcp_rewrite *rewrite, uint32_t offset, uint32_t value) {
    sb_tcp_put16(rewrite, offset, value >> 16);
    sb_tcp_put16(rewrite, offset + 2, value & 0xffff);
}

static inline void sb_tcp_add32(struct sb_tcp_rewrite *rewrite, uint32_t offset, uint32_t delta) {
    sb_tcp_put32(rewrite, offset, sb_load32(rewrite->tcp + offset) + delta);
}

static inline void sb_tcp_finish(const struct sb_tcp_rewrite *rewrite) {
    uint64_t sum = rewrite->sum;

    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    sb_store16(rewrite->tcp + SB_TCP_CHECKSUM, (uint32_t)~sum & 0xffff);
}

#endif
