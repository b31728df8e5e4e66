/* abi/explain.h: a question about a whole packet, and its answer. The answer is longer than an
 * element of a ring, so it is sent in parts. */
#ifndef SB_ABI_EXPLAIN_H
#define SB_ABI_EXPLAIN_H

#include <stdint.h>

#include "abi/constants.h"

enum {
    SB_EXPLAIN_BY_DESTINATION = 0xffff, /* sb_explain_packet.profile: the destination's profile */
    SB_EXPLAINED_FINDINGS_MAX = 16,
    SB_EXPLAINED_ENTRIES_MAX = 16,
    SB_EXPLAINED_PART = 40 /* bytes */
};

/* A packet from outside that may begin a connection: a TCP SYN, a UDP datagram without data or
 * an ICMP echo request. Addresses: 16 bytes, IPv4 mapped, both of one family. */
struct sb_explain_packet {
    uint32_t id;          /* chosen by the client, returned in every part of the answer */
    uint32_t deadline_ds; /* boot_ds; no answer is sent after this time */
    uint8_t source[16];
    uint8_t destination[16]; /* not used if profile is an index */
    uint16_t profile;        /* index, or SB_EXPLAIN_BY_DESTINATION */
    uint16_t port;           /* of the destination; TCP and UDP */
    uint8_t protocol;        /* IANA's number: TCP, UDP, ICMP or ICMPv6 */
    uint8_t reserved[3];
};

/* A part of a struct sb_packet_explained: the bytes that begin at part * SB_EXPLAINED_PART. */
struct sb_explained_part {
    uint32_t id;
    uint16_t part;
    uint16_t count; /* number of parts */
    uint8_t bytes[SB_EXPLAINED_PART];
};

enum sb_explained_flag {
    SB_EXPLAINED_ALLOWED = 1 << 0,   /* on the allowlist */
    SB_EXPLAINED_NEIGHBOR = 1 << 1,  /* an allowed protocol of a neighbour that the policy names */
    SB_EXPLAINED_COUNTRIES = 1 << 2, /* there is a country database */
    SB_EXPLAINED_HTTP = 1 << 3,      /* the requests of its connection are inspected */
    SB_EXPLAINED_SYN_PROXY_ON = 1 << 4, /* the SYN proxy is on for its destination */
    SB_EXPLAINED_CONNECTIONS = 1 << 5   /* connections are tracked */
};

/* A reason of a stage against the packet. */
struct sb_explained_finding {
    uint8_t stage;  /* enum sb_stage */
    uint8_t reason; /* enum sb_reason */
    uint8_t mode;   /* enum sb_mode: enforce or monitor */
    uint8_t reserved;
};

/* An entry of a list that contains the source. */
struct sb_explained_entry {
    uint64_t hits;
    uint32_t deadline_ds; /* SB_DEADLINE_NEVER: no end */
    uint8_t prefix_length;
    uint8_t list; /* enum sb_list */
    uint8_t reserved[2];
};

/* A limit of the profile, and its bucket on the lcore that owns the source. Amounts are in the
 * unit of the limit. A bucket that was not used for some time is full. */
struct sb_explained_limit {
    uint64_t rate;  /* per second */
    uint64_t size;  /* capacity of the bucket */
    uint64_t room;  /* present amount in the bucket */
    uint8_t scope;  /* enum sb_scope */
    uint8_t unit;   /* enum sb_unit */
    uint8_t reason; /* enum sb_reason */
    uint8_t mode;   /* enum sb_mode */
    uint8_t icmp_only;
    uint8_t prefix_length; /* leading bits of the address that select the bucket, in the source's
                              family */
    uint8_t pays;     /* 1: the packet pays into it; 2: it pays when its handshake is complete */
    uint8_t is_known; /* 0: the source has no bucket of its own yet, or no destination was given */
};

/* The result for the packet now. Counts and buckets are read while their lcore may write them:
 * each may be slightly out of date, or may just have been given to another source. */
struct sb_packet_explained {
    uint16_t profile;
    uint16_t source_profile; /* the profile whose prefixes contain the source; 0: none */
    uint16_t country;        /* 0: not known */
    uint16_t lcore;          /* the lcore that owns the source */
    uint32_t reached;        /* bit s: the packet reaches enum sb_stage s */
    uint8_t verdict;         /* enum sb_verdict; consumed: the SYN proxy answers it */
    uint8_t reason;          /* enum sb_reason of a drop */
    uint8_t flags;           /* enum sb_explained_flag */
    uint8_t syn_proxy;       /* enum sb_syn_proxy of the profile */
    uint32_t connections;    /* proven connections of the source to the profile */
    uint32_t connections_max;
    uint32_t entries_found; /* number of all; entry has at most SB_EXPLAINED_ENTRIES_MAX */
    uint8_t finding_count;
    uint8_t limit_count;
    uint8_t reserved[2];
    struct sb_explained_finding finding[SB_EXPLAINED_FINDINGS_MAX]; /* in the order of stages */
    struct sb_explained_entry entry[SB_EXPLAINED_ENTRIES_MAX];      /* longest prefix first */
    struct sb_explained_limit limit[SB_LIMITS_MAX];
};

#endif
