/* checksum.h: whether the checksum of a TCP segment is right (RFC 9293, 3.1).
 *
 * An endpoint does not read a segment whose checksum is wrong, so a node that took its word would
 * know less than the hosts. Asked of what the SYN proxy answers or accepts, RST, FIN, and of what
 * HTTP inspection keeps.
 */
#ifndef SB_CHECKSUM_H
#define SB_CHECKSUM_H

#include "packet.h"

/* A packet with a whole TCP header. False too where it can't be known: of a fragment, of a source
 * route that is not at its end, of what does not lie in the first buffer (which has room for a
 * frame of the port's MTU). Who sends such a RST or FIN is rare and waits for a timeout. */
bool sb_tcp_checksum_is_right(const struct sb_packet *packet);

/* Whether it is that of the pseudo header alone, which a NIC would have finished. Any packet. */
bool sb_tcp_checksum_is_unfinished(const struct sb_packet *packet);

/* Whether that of an IPv4 header is (RFC 791, 3.1); size: a multiple of 4. The one's complement sum
 * over a header with a right checksum is 0xffff (RFC 1071), so the sum of its words in any width is
 * a multiple of 0xffff: 2^16, 2^32 and 2^64 are all 1 modulo 0xffff. */
static inline bool sb_ipv4_checksum_is_right(const uint8_t *header, uint32_t size) {
    uint64_t sum = 0;

    for (uint32_t i = 0; i < size; i += 4)
        sum += sb_load32_raw(header + i);
    return sum % 0xffff == 0;
}

#endif
