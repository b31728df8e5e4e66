/* abi/packet.h: packets in the pipeline, and frames that stages originate. */
#ifndef SB_ABI_PACKET_H
#define SB_ABI_PACKET_H

#include <stdint.h>

#include "abi/constants.h"

enum sb_packet_flag {
    SB_PACKET_FRAGMENT = 1 << 0,       /* any fragment */
    SB_PACKET_FRAGMENT_LATER = 1 << 1, /* a fragment without transport header */
    SB_PACKET_LINK_SCOPE = 1 << 2, /* passes as link control or not IP; packet.link has the kind */
    SB_PACKET_CUT = 1 << 3, /* a capture has cut it: missing bytes do not count as truncated */
    SB_PACKET_CUT_SHORT = 1 << 4,     /* set by parse: cut within its headers, so not judged */
    SB_PACKET_CHECKSUM_GOOD = 1 << 5, /* the NIC has verified the IPv4 header checksum */
    SB_PACKET_ALLOWED = 1 << 6,       /* on the allowlist */
    SB_PACKET_WOULD_DROP = 1 << 7,    /* counted by a stage in monitor mode */
    /* Untagged IPv4 without options, with a complete TCP or UDP header and no anomaly. */
    SB_PACKET_PLAIN = 1 << 8,
    /* Consumed. Its bytes are the answer, which is sent out of the port on which it was
     * received. */
    SB_PACKET_ANSWER = 1 << 9,
    /* The receiver has verified the TCP checksum, or it can't be verified: it is unfinished (the
     * sender's NIC would have completed it), or bytes of the segment are cut off. */
    SB_PACKET_L4_GOOD = 1 << 10,
    SB_PACKET_PATH_MTU = 1 << 11, /* ICMP "too big" about data in flight of an open connection */
    SB_PACKET_REQUEST = 1 << 12,  /* completes HTTP requests; packet.requests is their number */
    SB_PACKET_NEIGHBOR = 1 << 13, /* exempt: a neighbour's allowed protocol */
    /* TCP from outside that belongs to no connection, or that does not fit the connection with
     * its addresses and ports. */
    SB_PACKET_STRAY = 1 << 14,
    /* The offsets are those of an IP packet inside an encapsulation. Only stages that keep no
     * state of a client and write nothing handle it. */
    SB_PACKET_INNER = 1 << 15
};

/* One packet of a burst; one cache line. The owner of the mbuf sets the fields before profile
 * (of flags only CUT, CHECKSUM_GOOD and L4_GOOD); parse sets the others. */
struct sb_packet {
    uint64_t mbuf;      /* handle for the owner of the bytes; stages do not use it */
    uint64_t data;      /* address of the first byte of the Ethernet header */
    uint64_t rx_tsc;    /* TSC at which its burst was received */
    uint32_t length;    /* bytes on the wire, without FCS */
    uint16_t available; /* bytes at data: first segment, or part that a capture has; <= length */
    uint16_t flags;     /* enum sb_packet_flag */
    uint16_t port;      /* enum sb_port on which it was received */
    uint16_t profile;   /* index of the profile of the protected address; 0 is the default */
    uint16_t l3_offset; /* offsets count from data; 0: there is no such header */
    uint16_t l4_offset; /* TCP, UDP, ICMP, ICMPv6 or GRE, if its fixed header is readable */
    uint16_t payload_offset;
    uint16_t client_offset;    /* outside address: 4 or 16 bytes, by ip_version */
    uint16_t protected_offset; /* inside address */
    uint16_t vlan_id;          /* outermost tag, 0 if none */
    uint8_t vlan_count;
    uint8_t ip_version; /* 4 or 6; 0: the addresses can't be read */
    uint8_t protocol;   /* the last one known, with or without a header at l4_offset */
    uint8_t anomaly;    /* enum sb_reason: the first error found by parse; sanity judges it */
    uint8_t verdict;    /* enum sb_verdict */
    uint8_t reason;     /* enum sb_reason of the drop, or of SB_PACKET_WOULD_DROP */
    uint16_t owner;     /* index of the lcore that owns the client */
    uint16_t origin;    /* enum sb_origin, for a frame that the node originates */
    uint8_t link;       /* enum sb_link, for SB_PACKET_LINK_SCOPE */
    uint8_t requests;   /* 1 to 255, for SB_PACKET_REQUEST */
    uint32_t http;      /* index of the HTTP record of its connection, or SB_HTTP_...; valid in
                           sb_burst.http */
};

/* A burst. Stages handle the packets live[0..live_count) and leave the remaining ones there, in
 * order. Stages about clients handle the set to_judge: the live packets from outside with known
 * addresses; behind the stage lists without those of clients on the allowlist and of neighbours. */
struct sb_burst {
    uint16_t count;
    uint16_t live_count;
    uint8_t live[SB_BURST_MAX];
    uint32_t to_judge;       /* bit i: packets[i] */
    uint32_t is_plain;       /* 1: all are SB_PACKET_PLAIN and from outside; 0: not known */
    uint32_t is_one_profile; /* 1: all have the same profile; 0: not known */
    uint32_t http; /* bit i: packets[i] is for the HTTP stage; set by the connections stage */
    uint8_t reserved[12];
    struct sb_packet packets[SB_BURST_MAX];
};

/* Memory for a frame that the node originates: at least SB_OWN_FRAME_MAX bytes at data. */
struct sb_buffer {
    uint64_t mbuf; /* handle for its owner */
    uint64_t data;
};

/* Frames that stages originate, and packets that they release. The caller of the pipeline fills
 * buffer before each run. After the run it sends each frame of own out of the port that is not
 * frame.port, and carries out the verdicts on the released packets, which were held before. */
struct sb_outbox {
    uint32_t buffer_count;
    uint32_t own_count;
    uint32_t released_count;
    uint32_t reserved;
    struct sb_buffer buffer[SB_OUTBOX_BUFFERS];
    struct sb_packet own[SB_OUTBOX_BUFFERS];
    struct sb_packet released[SB_RELEASED_MAX];
};

/* The time, as an argument: stages never read a clock. */
struct sb_time {
    uint64_t tsc;
    uint32_t boot_ds;
    uint32_t reserved;
};

#endif
