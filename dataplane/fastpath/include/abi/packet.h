/* abi/packet.h: packets on their way through the pipeline, and what stages send beside them. */
#ifndef SB_ABI_PACKET_H
#define SB_ABI_PACKET_H

#include <stdint.h>

#include "abi/constants.h"

enum sb_packet_flag {
    SB_PACKET_FRAGMENT = 1 << 0,       /* any fragment */
    SB_PACKET_FRAGMENT_LATER = 1 << 1, /* a fragment without transport header */
    SB_PACKET_LINK_SCOPE = 1 << 2,     /* passes; packet.link says why */
    SB_PACKET_CUT = 1 << 3,            /* a capture's snaplen ended it: short is not truncated */
    SB_PACKET_CUT_SHORT = 1 << 4, /* set by parse: cut before its headers ended, so not judged */
    SB_PACKET_CHECKSUM_GOOD = 1 << 5, /* the NIC has verified the IPv4 header checksum */
    SB_PACKET_ALLOWED = 1 << 6,       /* on the allowlist */
    SB_PACKET_WOULD_DROP = 1 << 7,    /* a stage in monitor mode has counted it */
    SB_PACKET_PLAIN =
        1 << 8, /* untagged IPv4 without options, whole TCP or UDP header, no anomaly */
    SB_PACKET_ANSWER =
        1 << 9, /* consumed; its bytes are the answer, which goes out where it came in */
    SB_PACKET_L4_GOOD = 1 << 10,  /* the receiver vouches for the TCP checksum, or nobody can judge
                                    it: unfinished (its sender's NIC would have) or cut off */
    SB_PACKET_PATH_MTU = 1 << 11, /* ICMP "too big" about what an open connection has in flight */
    SB_PACKET_REQUEST = 1 << 12,  /* completes HTTP requests: packet.requests of them */
    SB_PACKET_NEIGHBOR = 1 << 13, /* from or to a router that the policy names, as it may speak */
    SB_PACKET_STRAY = 1 << 14,    /* TCP from outside that belongs to no connection, or does not fit
                                     the one that it says it is of */
    SB_PACKET_INNER = 1 << 15     /* the offsets are of an IP packet inside an encapsulation: only
                                     stages that keep no state of a client and write nothing see it */
};

/* One packet of a burst; one cache line. The owner of the mbuf fills what comes before profile (and
 * the flags CUT, CHECKSUM_GOOD and L4_GOOD), parse the rest. */
struct sb_packet {
    uint64_t mbuf;      /* handle of whoever owns the bytes; no stage looks at it */
    uint64_t data;      /* address of the first byte of the Ethernet header */
    uint64_t rx_tsc;    /* when its burst was received */
    uint32_t length;    /* bytes on the wire, without FCS */
    uint16_t available; /* bytes at data: first segment, or what the capture kept; <= length */
    uint16_t flags;     /* enum sb_packet_flag */
    uint16_t port;      /* enum sb_port it came in from */
    uint16_t profile;   /* index of the profile of the protected address; 0 is the default */
    uint16_t l3_offset; /* offsets from data; 0 where there is no such header */
    uint16_t l4_offset; /* of TCP, UDP, ICMP, ICMPv6, GRE: their fixed header is readable */
    uint16_t payload_offset;
    uint16_t client_offset;    /* of the outside address, 4 or 16 bytes by ip_version */
    uint16_t protected_offset; /* of the inside address */
    uint16_t vlan_id;          /* outermost tag, 0 if none */
    uint8_t vlan_count;
    uint8_t ip_version; /* 4, 6, or 0 where the addresses can't be read */
    uint8_t protocol;   /* the last one known, with or without its header at l4_offset */
    uint8_t anomaly;    /* enum sb_reason found by parse, judged by sanity */
    uint8_t verdict;    /* enum sb_verdict */
    uint8_t reason;     /* enum sb_reason: why it was dropped, or is SB_PACKET_WOULD_DROP */
    uint16_t owner;     /* index of the lcore that owns the client */
    uint16_t origin;    /* of a frame of our own: enum sb_origin */
    uint8_t link;       /* enum sb_link of a SB_PACKET_LINK_SCOPE */
    uint8_t requests;   /* of a SB_PACKET_REQUEST: 1 to 255 */
    uint32_t http; /* which of sb_burst.http it is for: an inspected connection, by its record */
};

/* A burst: stages walk live[0..live_count) and leave the survivors there, in order. What is keyed
 * by client walks judged: of the survivors, those from outside whose addresses are known; from
 * lists on without those on the allowlist and of neighbours. */
struct sb_burst {
    uint16_t count;
    uint16_t live_count;
    uint8_t live[SB_BURST_MAX];
    uint32_t judged;         /* bit i: packets[i] */
    uint32_t is_plain;       /* 1: all are SB_PACKET_PLAIN and from outside; 0: perhaps not */
    uint32_t is_one_profile; /* 1: all have the same; 0: perhaps not */
    uint32_t http;           /* those that are for the HTTP stage, by connections */
    uint8_t reserved[12];
    struct sb_packet packets[SB_BURST_MAX];
};

/* Memory for a frame of our own: at least SB_OWN_FRAME_MAX bytes at data. */
struct sb_buffer {
    uint64_t mbuf; /* handle of whoever owns it */
    uint64_t data;
};

/* What stages send beside the packets of a burst. Whoever runs the pipeline fills buffers before
 * each run; after it, sends all own frames by the port that is not theirs, and carries out the
 * verdicts on the released packets, which were held before. */
struct sb_outbox {
    uint32_t buffer_count;
    uint32_t own_count;
    uint32_t released_count;
    uint32_t reserved;
    struct sb_buffer buffer[SB_OUTBOX_BUFFERS];
    struct sb_packet own[SB_OUTBOX_BUFFERS];
    struct sb_packet released[SB_RELEASED_MAX];
};

/* Time as an argument: never read inside a stage. */
struct sb_time {
    uint64_t tsc;
    uint32_t boot_ds;
    uint32_t reserved;
};

#endif
