/* checksum.h: verifies the checksum of a TCP segment (RFC 9293, 3.1).
 *
 * A host ignores a segment with a wrong checksum, so a node that uses such a segment would have
 * another state than the hosts. The checksum is verified for segments that the SYN proxy answers or
 * accepts, for RST and FIN, and for segments that HTTP inspection keeps.
 */
#ifndef SB_CHECKSUM_H
#define SB_CHECKSUM_H

#include "packet.h"

/* For a packet with a complete TCP header. Also false if the checksum can't be verified: for
 * fragments, for packets with an unfinished source route, and for packets that are not completely
 * in the first buffer (which has room for a frame of the port's MTU). A RST or FIN of this kind is
 * rare; its connection ends by a timeout. */
bool sb_tcp_checksum_is_right(const struct sb_packet *packet);

/* Whether the checksum is that of the pseudo header alone, which a NIC would complete. For any
 * packet. */
bool sb_tcp_checksum_is_unfinished(const struct sb_packet *packet);

/* Whether the checksum of an IPv4 header is right (RFC 791, 3.1). size: a multiple of 4. The one's
 * complement sum over a header with a right checksum is 0xffff (RFC 1071), so the sum of its words
 * of any width is a multiple of 0xffff: 2^16, 2^32 and 2^64 are all 1 modulo 0xffff. */
static inline bool sb_ipv4_checksum_is_right(const uint8_t *header, uint32_t size) {
    uint64_t sum = 0;

    for (uint32_t i = 0; i < size; i += 4)
        sum += sb_load32_raw(header + i);
    return sum % 0xffff == 0;
}

#endif
