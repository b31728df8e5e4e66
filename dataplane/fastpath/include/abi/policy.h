/* abi/policy.h: what a policy says of one profile, as stages read it. */
#ifndef SB_ABI_POLICY_H
#define SB_ABI_POLICY_H

#include <stdint.h>

#include "abi/constants.h"

/* Whether handshakes of a profile's destinations go through the SYN proxy. */
enum sb_syn_proxy { SB_SYN_PROXY_OFF, SB_SYN_PROXY_AUTO, SB_SYN_PROXY_ALWAYS, SB_SYN_PROXY_COUNT };

/* Whose packets a limit counts together. */
enum sb_scope {
    SB_SCOPE_SOURCE,      /* one client */
    SB_SCOPE_PREFIX,      /* the clients of one prefix */
    SB_SCOPE_DESTINATION, /* one protected address, or one prefix of them */
    SB_SCOPE_GLOBAL,      /* all that the profile protects */
    SB_SCOPE_COUNT
};

enum sb_unit {
    SB_UNIT_PACKETS,
    SB_UNIT_BITS,
    SB_UNIT_CONNECTIONS, /* TCP segments that begin one: SYN without ACK */
    SB_UNIT_REQUESTS,    /* of HTTP, where they are inspected: struct sb_request_limit */
    SB_UNIT_COUNT
};

/* A token bucket, with its tokens expressed as the time that they take to come in: an increment is
 * spent per packet or bit, and a full bucket holds a burst. Times are nanoseconds with 16
 * fractional bits. */
struct sb_limit {
    uint64_t increment_q16;
    uint64_t burst_q16; /* at most SB_LIMIT_BURST_NS_MAX, and room for the largest packet */
    uint64_t salt;      /* limits and profiles count apart; filled by sb_policy_build */
    uint8_t scope;      /* enum sb_scope */
    uint8_t unit;       /* enum sb_unit */
    uint8_t reason;     /* enum sb_reason */
    uint8_t icmp_only;  /* 1: ICMP and ICMPv6 alone are counted */
    uint8_t bits_ipv4;  /* of the address that are told apart: 0 to 32 */
    uint8_t bits_ipv6;  /* 0 to 128 */
    uint8_t reserved[2];
};

/* Requests a second: of all, or of those whose path begins like that. */
struct sb_request_limit {
    struct sb_limit limit;
    uint32_t path_size; /* bytes, at most SB_REQUEST_PATH; 0: all requests */
    uint8_t path[SB_REQUEST_PATH];
};

#define SB_LIMIT_BURST_NS_MAX (SB_LIMIT_BURST_S_MAX * 1000000000ull)

struct sb_port_range {
    uint16_t first;
    uint16_t last;
};

/* Destination ports, or EtherTypes: ascending, disjoint ranges. */
struct sb_port_rule {
    uint16_t count;
    uint16_t is_deny; /* 1: the ranges are refused, 0: all others are */
    struct sb_port_range range[SB_PORT_RANGES_MAX];
};

/* A UDP service that answers with more than it was asked: what comes from its port and is at least
 * so long is taken for its answer to a forged question. */
struct sb_reflector {
    uint16_t port;
    uint16_t size_min;  /* bytes of the UDP datagram, header included */
    uint16_t ntp_modes; /* 0: whatever it holds; else of NTP, bit m: mode m (RFC 5905, 7.3) alone */
};

/* State of a connection; UDP and ICMP echo have pseudo-connections. */
enum sb_flow_state {
    SB_FLOW_STATE_SYN_SENT,     /* one side has sent a SYN */
    SB_FLOW_STATE_SYN_RECEIVED, /* both sides have; not both acknowledged */
    SB_FLOW_STATE_ESTABLISHED,
    SB_FLOW_STATE_HALF_CLOSED, /* one side has sent a FIN */
    SB_FLOW_STATE_CLOSED,      /* both have */
    SB_FLOW_STATE_RESET,
    SB_FLOW_STATE_PICKED_UP, /* TCP whose beginning was not seen, and only one side of it yet */
    SB_FLOW_STATE_ONE_WAY,   /* UDP, ICMP echo: no answer yet */
    SB_FLOW_STATE_TWO_WAY,
    SB_FLOW_STATE_COUNT
};

/* How long a connection is kept without a packet, by enum sb_flow_state; tenths of a second, 1 to
 * SB_FLOW_TIMEOUT_DS_MAX; those that can be of an unproven one at most SB_FLOW_UNPROVEN_DS_MAX. */
struct sb_flow_timeouts {
    uint32_t ds[SB_FLOW_STATE_COUNT];
};

/* What a profile has to say beyond modes: bits. */
enum sb_use {
    SB_USE_FRAGMENTS = 1 << 0,
    SB_USE_PORTS_TCP = 1 << 1,
    SB_USE_PORTS_UDP = 1 << 2,
    SB_USE_REFLECTORS = 1 << 3,
    SB_USE_LIMITS = 1 << 4,
    SB_USE_GEO_BLOCK = 1 << 5,
    SB_USE_GEO_ALLOW = 1 << 6,
    SB_USE_ETHERTYPES = 1 << 7,
    SB_USE_PROTOCOLS = 1 << 8,
    SB_USE_BOGONS = 1 << 9,
    SB_USE_HTTP = 1 << 10,
    SB_USE_TUNNELS = 1 << 11 /* VXLAN or GRE is judged inside, or refused */
};

/* Which connections to a profile's destinations speak HTTP, and how they are followed. */
struct sb_http_profile {
    uint16_t port[SB_HTTP_PORTS_MAX]; /* ascending */
    uint32_t port_count;
    uint32_t body_limit; /* bytes of a body that are inspected, at most SB_HTTP_BODY_LIMIT_MAX */
    uint8_t fail_closed; /* 1: what can't be inspected is reset, 0: it passes */
    uint8_t pass_other;  /* 1: what does not begin like HTTP/1 passes, 0: reason HTTP_OTHER */
    uint16_t head_s;     /* in which a head is complete; 0 here and below: however long it takes */
    uint16_t body_s;     /* that a client may be behind with its body at body_rate */
    uint16_t read_s;     /* the same with a response at read_rate */
    uint32_t body_rate;  /* bytes a second; 0: any byte will do */
    uint32_t read_rate;
    uint32_t request_limit_count; /* at most SB_REQUEST_LIMITS_MAX */
    struct sb_request_limit request_limit[SB_REQUEST_LIMITS_MAX];
};

/* What protects one set of destinations. Filled before its policy is built, never changed after. */
struct sb_profile {
    uint8_t mode[SB_REASONS_MAX]; /* enum sb_mode by enum sb_reason */
    uint32_t uses;                /* bits of enum sb_use */
    uint32_t limit_count;         /* at most SB_LIMITS_MAX */
    uint32_t reflector_count;
    uint32_t connections_max; /* that one source may have established; 0: any number */
    uint32_t share_q16;       /* of 65,536: what part of the room for connections is kept for it;
                                 all profiles of a policy together have 65,536 at most */
    uint32_t syn_proxy;       /* enum sb_syn_proxy */
    uint8_t inside[SB_ENCAPSULATION_COUNT]; /* enum sb_inside; of MPLS and PPPoE, that of the
                                               default profile; of VXLAN and GRE, only with
                                               SB_USE_TUNNELS */
    uint16_t vxlan_port;                    /* UDP destination port of VXLAN */
    uint8_t reserved[2];
    uint32_t syn_rate; /* AUTO: more SYNs a second to one destination switch it on; 1 or more */
    struct sb_limit limit[SB_LIMITS_MAX];
    struct sb_port_rule ports_tcp;
    struct sb_port_rule ports_udp;
    struct sb_port_rule ethertypes; /* the default profile's decides, of what is SB_LINK_OTHER_* */
    uint64_t protocols[SB_PROTOCOL_WORDS]; /* bit p % 64 of word p / 64: protocol p is refused */
    struct sb_reflector reflector[SB_REFLECTORS_MAX]; /* ascending by port, one each */
    uint64_t geo_block[SB_COUNTRY_WORDS];             /* bit c % 64 of word c / 64: country c */
    uint64_t geo_allow[SB_COUNTRY_WORDS];
    struct sb_http_profile http;
    uint64_t waf_off[SB_RULE_GROUP_WORDS];     /* bit g % 64 of word g / 64: rules of group g match
                                                  nothing, ... */
    uint64_t waf_monitor[SB_RULE_GROUP_WORDS]; /* ... or block nothing */
} __attribute__((aligned(64)));

#endif
