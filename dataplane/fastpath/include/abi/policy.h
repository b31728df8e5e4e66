/* abi/policy.h: one profile of a policy, in the form that stages read. */
#ifndef SB_ABI_POLICY_H
#define SB_ABI_POLICY_H

#include <stdint.h>

#include "abi/constants.h"

/* When the SYN proxy is on for the destinations of a profile. */
enum sb_syn_proxy { SB_SYN_PROXY_OFF, SB_SYN_PROXY_AUTO, SB_SYN_PROXY_ALWAYS, SB_SYN_PROXY_COUNT };

/* The packets that a limit counts together. */
enum sb_scope {
    SB_SCOPE_SOURCE,      /* of one client */
    SB_SCOPE_PREFIX,      /* of all clients in one prefix */
    SB_SCOPE_DESTINATION, /* to one protected address, or to one prefix of them */
    SB_SCOPE_GLOBAL,      /* to all destinations of the profile */
    SB_SCOPE_COUNT
};

enum sb_unit {
    SB_UNIT_PACKETS,
    SB_UNIT_BITS,
    SB_UNIT_CONNECTIONS, /* TCP segments that begin a connection: SYN without ACK */
    SB_UNIT_REQUESTS,    /* of HTTP, if they are inspected: struct sb_request_limit */
    SB_UNIT_COUNT
};

/* A token bucket. Its tokens are expressed as the time that they take to arrive: each packet or
 * bit costs an increment, and a full bucket holds a burst. Times are nanoseconds with 16
 * fractional bits. */
struct sb_limit {
    uint64_t increment_q16;
    uint64_t burst_q16; /* at most SB_LIMIT_BURST_NS_MAX, and enough for the largest packet */
    uint64_t salt;      /* separates the buckets of limits and profiles; set by sb_policy_build */
    uint8_t scope;      /* enum sb_scope */
    uint8_t unit;       /* enum sb_unit */
    uint8_t reason;     /* enum sb_reason */
    uint8_t icmp_only;  /* 1: only ICMP and ICMPv6 packets count */
    uint8_t bits_ipv4;  /* leading bits of the address that select the bucket: 0 to 32 */
    uint8_t bits_ipv6;  /* 0 to 128 */
    uint8_t reserved[2];
};

/* A limit of requests per second: of all, or of those whose path begins with path. */
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
    uint16_t is_deny; /* 1: the ranges are refused; 0: all others are refused */
    struct sb_port_range range[SB_PORT_RANGES_MAX];
};

/* A UDP service whose answers are larger than the requests. A datagram from its port with at
 * least the minimum size counts as the answer to a forged request. */
struct sb_reflector {
    uint16_t port;
    uint16_t size_min;  /* bytes of the UDP datagram with its header */
    uint16_t ntp_modes; /* 0: any content; else only NTP, bit m: mode m (RFC 5905, 7.3) */
};

/* State of a connection; UDP and ICMP echo have pseudo-connections. */
enum sb_flow_state {
    SB_FLOW_STATE_SYN_SENT,     /* one side has sent a SYN */
    SB_FLOW_STATE_SYN_RECEIVED, /* both sides have sent a SYN; not both are acknowledged */
    SB_FLOW_STATE_ESTABLISHED,
    SB_FLOW_STATE_HALF_CLOSED, /* one side has sent a FIN */
    SB_FLOW_STATE_CLOSED,      /* both sides have sent a FIN */
    SB_FLOW_STATE_RESET,
    SB_FLOW_STATE_PICKED_UP, /* TCP whose beginning was not seen; packets of one side only so far */
    SB_FLOW_STATE_ONE_WAY,   /* UDP, ICMP echo: no answer yet */
    SB_FLOW_STATE_TWO_WAY,
    SB_FLOW_STATE_COUNT
};

/* How long a connection without a packet is kept, by enum sb_flow_state: tenths of a second, 1
 * to SB_FLOW_TIMEOUT_DS_MAX. For states of unproven connections at most SB_FLOW_UNPROVEN_DS_MAX. */
struct sb_flow_timeouts {
    uint32_t ds[SB_FLOW_STATE_COUNT];
};

/* The parts of a profile that are in use, in addition to its modes: bits. */
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

/* HTTP of a profile: the ports with inspected connections, and the settings of the inspection. */
struct sb_http_profile {
    uint16_t port[SB_HTTP_PORTS_MAX]; /* ascending */
    uint32_t port_count;
    uint32_t body_limit; /* bytes of a body that are inspected, up to SB_HTTP_BODY_LIMIT_MAX */
    uint8_t fail_closed; /* 1: a connection that can't be inspected is reset; 0: it passes */
    uint8_t pass_other;  /* 1: data that do not begin like HTTP/1 pass; 0: HTTP_OTHER */
    uint16_t head_s;     /* seconds for a whole head; 0, here and below: no limit */
    uint16_t body_s;     /* seconds that a client may be behind body_rate with a body */
    uint16_t read_s;     /* the same for the acknowledgment of a response, with read_rate */
    uint32_t body_rate;  /* bytes per second; 0: any byte is sufficient */
    uint32_t read_rate;
    uint32_t request_limit_count; /* at most SB_REQUEST_LIMITS_MAX */
    struct sb_request_limit request_limit[SB_REQUEST_LIMITS_MAX];
};

/* The settings for one set of destinations. Filled in before its policy is built, not changed
 * afterwards. */
struct sb_profile {
    uint8_t mode[SB_REASONS_MAX]; /* enum sb_mode by enum sb_reason */
    uint32_t uses;                /* bits of enum sb_use */
    uint32_t limit_count;         /* at most SB_LIMITS_MAX */
    uint32_t reflector_count;
    uint32_t connections_max; /* established connections of one source; 0: any number */
    /* The part of the room for connections that is reserved for the profile, of 65,536; at most
     * 65,536 for all profiles of a policy together. */
    uint32_t share_q16;
    uint32_t syn_proxy; /* enum sb_syn_proxy */
    /* enum sb_inside. MPLS and PPPoE: only those of the default profile apply. VXLAN and GRE: only
     * with SB_USE_TUNNELS. */
    uint8_t inside[SB_ENCAPSULATION_COUNT];
    uint16_t vxlan_port; /* UDP destination port of VXLAN */
    uint8_t reserved[2];
    uint32_t syn_rate; /* AUTO: more SYNs per second to one destination switch it on; >= 1 */
    struct sb_limit limit[SB_LIMITS_MAX];
    struct sb_port_rule ports_tcp;
    struct sb_port_rule ports_udp;
    /* For frames of the kinds SB_LINK_OTHER_...; only that of the default profile applies. */
    struct sb_port_rule ethertypes;
    uint64_t protocols[SB_PROTOCOL_WORDS]; /* bit p % 64 of word p / 64: protocol p is refused */
    struct sb_reflector reflector[SB_REFLECTORS_MAX]; /* ascending by port, one for each port */
    uint64_t geo_block[SB_COUNTRY_WORDS];             /* bit c % 64 of word c / 64: country c */
    uint64_t geo_allow[SB_COUNTRY_WORDS];
    struct sb_http_profile http;
    /* Bit g % 64 of word g / 64: the rules of group g match nothing, ... */
    uint64_t waf_off[SB_RULE_GROUP_WORDS];
    uint64_t waf_monitor[SB_RULE_GROUP_WORDS]; /* ... or block nothing */
} __attribute__((aligned(64)));

#endif
