/* wire.h: constants of the protocols: offsets in headers, sizes, numbers. Offsets count from the
 * first byte of the header; sizes are in bytes. */
#ifndef SB_WIRE_H
#define SB_WIRE_H

/* --- Ethernet (IEEE 802.3), VLAN tags (IEEE 802.1Q) ------------------------------------------- */

enum {
    SB_ETHERNET_BYTES = 14,
    SB_ETHERNET_MACS = 12, /* bytes of the two addresses */
    SB_ETHERNET_TYPE = 12,
    SB_FRAME_MIN = 60, /* without the frame check sequence (IEEE 802.3, 3.2.8) */
    SB_VLAN_BYTES = 4,
    SB_VLAN_TYPE = 2, /* of a tag: the EtherType behind it */
    SB_VLAN_ID_MASK = 0x0fff
};

enum sb_ethertype {
    SB_ETHERTYPE_IPV4 = 0x0800,
    SB_ETHERTYPE_BRIDGED = 0x6558, /* an Ethernet frame inside GRE (RFC 7637, 3.2) */
    SB_ETHERTYPE_VLAN = 0x8100,
    SB_ETHERTYPE_IPV6 = 0x86dd,
    SB_ETHERTYPE_MPLS = 0x8847,
    SB_ETHERTYPE_WCCP = 0x883e,
    SB_ETHERTYPE_MPLS_MULTICAST = 0x8848, /* RFC 5332, 3 */
    SB_ETHERTYPE_PPPOE_SESSION = 0x8864,
    SB_ETHERTYPE_QINQ = 0x88a8,
    SB_ETHERTYPE_QINQ_OLD = 0x9100
};

/* --- MPLS (RFC 3032, 2.1), PPPoE (RFC 2516, 4), PPP (RFC 1661, 2) --------------------------------
 */

enum {
    SB_MPLS_BYTES = 4, /* of an entry of the label stack */
    SB_MPLS_LABEL_SHIFT = 12,
    SB_MPLS_BOTTOM = 1 << 8, /* of stack */
    SB_MPLS_LABEL_IPV4 = 0,  /* explicit null: IPv4 follows */
    SB_MPLS_LABEL_IPV6 = 2
};

enum {
    SB_PPPOE_BYTES = 6,
    SB_PPPOE_SESSION = 0x1100, /* version 1, type 1, code 0 */
    SB_PPPOE_LENGTH = 4
};

enum {
    SB_PPP_COMPRESSED = 1, /* bit of the first byte: the protocol has this byte alone (6.5) */
    SB_PPP_IPV4 = 0x21,    /* RFC 1332 */
    SB_PPP_IPV6 = 0x57     /* RFC 5072 */
};

/* --- GRE (RFC 2784, 2; RFC 2890, 2), VXLAN (RFC 7348, 5) ---------------------------------------
 */

enum {
    SB_GRE_BYTES = 4, /* without the optional fields */
    SB_GRE_PROTOCOL = 2,
    SB_GRE_FIELD_BYTES = 4, /* of each optional field */
    SB_GRE_CHECKSUM = 0x8000,
    SB_GRE_KEY = 0x2000,
    SB_GRE_SEQUENCE = 0x1000,
    SB_GRE_INVALID = 0x4c07, /* routing, strict route, recursion, version: receivers discard these
                                (RFC 2784, 2.3) */
    SB_WCCP_BYTES = 4        /* redirect header that may come before an IPv4 packet */
};

enum { SB_VXLAN_BYTES = 8, SB_VXLAN_HAS_ID = 0x08 /* flag of the first byte */ };

/* --- IPv4 (RFC 791, 3.1), IPv6 (RFC 8200, 3) -------------------------------------------------- */

enum {
    SB_IPV4_BYTES = 20, /* without options */
    SB_IPV4_CLASS = 1,  /* DSCP, and ECN in SB_IP_ECN_MASK (RFC 2474, RFC 3168) */
    SB_IPV4_LENGTH = 2,
    SB_IPV4_FRAGMENT = 6,
    SB_IPV4_LIFETIME = 8,
    SB_IPV4_PROTOCOL = 9,
    SB_IPV4_SOURCE = 12,
    SB_IPV4_DESTINATION = 16,
    SB_IPV4_ADDRESS = 4,            /* bytes */
    SB_IPV4_FRAGMENT_MASK = 0x3fff, /* more fragments, offset */
    SB_IPV4_OFFSET_MASK = 0x1fff,
    SB_IPV4_DONT_FRAGMENT = 0x4000
};

enum {
    SB_IPV6_BYTES = 40,
    SB_IPV6_LENGTH = 4,
    SB_IPV6_NEXT = 6,
    SB_IPV6_HOP_LIMIT = 7,
    SB_IPV6_SOURCE = 8,
    SB_IPV6_DESTINATION = 24,
    SB_IPV6_ADDRESS = 16,     /* bytes */
    SB_IPV6_ROUTING_TYPE = 2, /* of a routing header (RFC 8200, 4.4) */
    SB_IPV6_SEGMENTS_LEFT = 3,
    SB_IPV6_EXTENSION_BYTES = 8, /* of an extension header, at least */
    SB_IPV6_AH_BYTES_MIN = 12,   /* RFC 4302, 2 */
    SB_IP_BYTES_MAX = 65535,
    SB_IP_ECN_MASK = 3,
    SB_IP_LIFETIME_DEFAULT = 64, /* of IPv4, IPv6 (IANA, IP parameters) */
    SB_IP_LIFETIME_MAX = 255     /* for receivers that require it: RFC 5082 */
};

enum sb_ipv4_option { /* RFC 791, 3.1 */
                      SB_IPV4_OPTION_END = 0,
                      SB_IPV4_OPTION_NOP = 1,
                      SB_IPV4_OPTION_LSRR = 131,
                      SB_IPV4_OPTION_SSRR = 137
};

enum sb_ipv6_option {
    SB_IPV6_OPTION_PAD_1 = 0,
    SB_IPV6_OPTION_PAD_N = 1,
    SB_IPV6_OPTION_JUMBO = 0xc2 /* RFC 2675, 2 */
};

/* IANA protocol numbers: of transport headers that are read, and of IPv6 extension headers that are
 * skipped. */
enum sb_protocol {
    SB_PROTOCOL_HOP_BY_HOP = 0,
    SB_PROTOCOL_ICMP = 1,
    SB_PROTOCOL_TCP = 6,
    SB_PROTOCOL_UDP = 17,
    SB_PROTOCOL_ROUTING = 43,
    SB_PROTOCOL_FRAGMENT = 44,
    SB_PROTOCOL_GRE = 47,
    SB_PROTOCOL_AUTHENTICATION = 51,
    SB_PROTOCOL_ICMPV6 = 58,
    SB_PROTOCOL_DESTINATION_OPTIONS = 60
};

/* --- TCP (RFC 9293, 3.1), UDP (RFC 768) ------------------------------------------------------- */

enum { SB_L4_PORTS = 4, SB_L4_SOURCE_PORT = 0, SB_L4_DESTINATION_PORT = 2 }; /* of both */

enum {
    SB_TCP_BYTES = 20, /* without options */
    SB_TCP_SEQUENCE = 4,
    SB_TCP_ACKNOWLEDGMENT = 8,
    SB_TCP_DATA_OFFSET = 12,
    SB_TCP_FLAGS = 13,
    SB_TCP_WINDOW = 14,
    SB_TCP_CHECKSUM = 16,
    SB_TCP_FLAGS_MASK = 0x3f, /* URG to FIN */
    SB_TCP_MSS_DEFAULT = 536, /* RFC 9293, 3.7.1 */
    SB_TCP_SCALE_MAX = 14     /* RFC 7323, 2.3 */
};

enum sb_tcp_flag {
    SB_TCP_FIN = 1,
    SB_TCP_SYN = 2,
    SB_TCP_RST = 4,
    SB_TCP_PSH = 8,
    SB_TCP_ACK = 16,
    SB_TCP_URG = 32
};

enum sb_tcp_option {
    SB_TCP_OPTION_END = 0,
    SB_TCP_OPTION_NOP = 1,
    SB_TCP_OPTION_MSS = 2,
    SB_TCP_OPTION_SCALE = 3,
    SB_TCP_OPTION_MAY_SACK = 4,
    SB_TCP_OPTION_SACK = 5,
    SB_TCP_OPTION_TIMES = 8,
    SB_TCP_OPTION_MD5 = 19, /* RFC 2385 */
    SB_TCP_OPTION_AO = 29   /* RFC 5925 */
};

enum { SB_UDP_BYTES = 8, SB_UDP_LENGTH = 4 };

/* --- ICMP (RFC 792), ICMPv6 (RFC 4443) -------------------------------------------------------- */

enum {
    SB_ICMP_BYTES = 8,
    SB_ICMP_CHECKSUM = 2,
    SB_ICMP_ECHO_ID = 4,
    SB_ICMP_FRAGMENTATION_NEEDED = 4, /* code of UNREACHABLE */
    SB_ICMP_QUOTED_BYTES = 8          /* of the transport header, at least */
};

enum sb_icmp {
    SB_ICMP_ECHO_REPLY = 0,
    SB_ICMP_UNREACHABLE = 3,
    SB_ICMP_SOURCE_QUENCH = 4,
    SB_ICMP_REDIRECT = 5,
    SB_ICMP_ECHO_REQUEST = 8,
    SB_ICMP_TIME_EXCEEDED = 11,
    SB_ICMP_PARAMETER_PROBLEM = 12
};

enum sb_icmpv6 {
    SB_ICMPV6_PACKET_TOO_BIG = 2,
    SB_ICMPV6_INFORMATIONAL = 128, /* from this type on, messages are no errors */
    SB_ICMPV6_ECHO_REQUEST = 128,
    SB_ICMPV6_ECHO_REPLY = 129,
    SB_ICMPV6_MLD_QUERY = 130,
    SB_ICMPV6_MLD_DONE = 132,
    SB_ICMPV6_ROUTER_SOLICITATION = 133, /* the first of neighbour discovery (RFC 4861) */
    SB_ICMPV6_REDIRECT = 137,            /* the last */
    SB_ICMPV6_MLD_REPORT_2 = 143
};

#endif
