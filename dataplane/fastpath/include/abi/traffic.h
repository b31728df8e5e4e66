/* abi/traffic.h: what detection is told of traffic: counts, samples and captured packets.
 *
 * Workers write samples and captures (stages/traffic/), the collector reads them and writes sums
 * (detection/). A target is a protected address or prefix: 16 bytes, and a prefix length from 0 to
 * 128.
 */
#ifndef SB_ABI_TRAFFIC_H
#define SB_ABI_TRAFFIC_H

#include <stdint.h>

#include "abi/constants.h"

enum {
    SB_DESTINATIONS_MAX = 1 << 20, /* rows of one lcore */
    SB_SAMPLES_MAX = 16384,        /* power of two: of each lcore, not collected yet */
    SB_CAPTURES_MAX = 1024,        /* power of two: of each lcore, the newest */
    SB_CAPTURE_BYTES = 192,        /* of a packet */
    SB_CANDIDATES_MAX = 256,       /* targets over a floor that are reported at a time */
    SB_FOLLOWED_MAX = 64,          /* targets of which evidence is kept */
    SB_NODE_TOP_MAX = 256,         /* entries of the node's sketches */
    SB_TOP_MAX = 64,               /* entries of a sketch of one target */
    SB_TOP_PORTS_MAX = 32,
    SB_DISTINCT_MAX = 1024, /* sources of one target that are told apart */
    SB_EVIDENCE_SAMPLES_MAX = 64,
    SB_SIZE_CLASSES = 8 /* of SB_SIZE_BOUNDS and what is longer */
};

/* See traffic.def. */
enum sb_traffic_kind {
#define SB_TRAFFIC(name, text) SB_TRAFFIC_##name,
#include "defs/traffic.def"
#undef SB_TRAFFIC
    SB_TRAFFIC_COUNT
};

/* Why a packet is a sample: bits. */
enum sb_sampled {
    SB_SAMPLED_PACKET = 1 << 0, /* one of so many packets, whatever they are */
    SB_SAMPLED_SOURCE = 1 << 1  /* of a source that is one of so many sources */
};

/* One packet from outside. */
struct sb_sample {
    uint8_t source[16];
    uint8_t destination[16];
    uint64_t source_hash; /* keyed: the lowest are sampled as sources */
    uint32_t boot_ds;
    uint32_t packets;     /* that it stands for, as SB_SAMPLED_PACKET: one in so many was taken */
    uint16_t source_port; /* of TCP and UDP; 0: not known */
    uint16_t destination_port;
    uint16_t size; /* bytes on the wire, at most 65,535 */
    uint16_t profile;
    uint8_t protocol;
    uint8_t tcp_flags; /* of TCP whose header is readable */
    uint8_t verdict;   /* enum sb_verdict */
    uint8_t reason;    /* enum sb_reason, of what was dropped or would have been */
    uint8_t sampled;   /* bits of enum sb_sampled */
    uint8_t ip_version;
    uint8_t has_ports;     /* 1: of TCP or UDP, whose header is readable */
    uint8_t sources_shift; /* sources were sampled whose hash begins with so many zero bits */
};

/* A packet that was dropped, or would have been. Readers copy it, then look whether sequence is
 * still the same: it is 0 while the rest changes. */
struct sb_capture {
    uint64_t sequence; /* 1 + how many this lcore had written before; 0: none here */
    uint64_t boot_ns;  /* CLOCK_BOOTTIME */
    uint32_t length;   /* bytes on the wire */
    uint16_t captured; /* of them in bytes */
    uint16_t profile;
    uint8_t reason;            /* enum sb_reason */
    uint8_t mode;              /* enum sb_mode: monitor would have, enforce has dropped */
    uint8_t port;              /* enum sb_port */
    uint8_t protected_version; /* 4 or 6; 0: the address is not known */
    uint8_t protected_address[16];
    uint8_t reserved[20];
    uint8_t bytes[SB_CAPTURE_BYTES];
};

/* --- what the collector tells ----------------------------------------------------------------- */

struct sb_traffic_sum {
    uint64_t bytes;
    uint64_t count[SB_TRAFFIC_COUNT]; /* by enum sb_traffic_kind */
};

struct sb_traffic_now {
    struct sb_traffic_sum window; /* of the last second, in steps of a tenth */
    struct sb_traffic_sum since;  /* since the collection before: every packet once */
};

struct sb_target_traffic {
    uint8_t key[16];
    uint32_t prefix_length;
    uint32_t profile;
    uint64_t destinations; /* of a prefix: how many there was traffic to in the last second */
    struct sb_traffic_now traffic;
};

struct sb_profile_traffic {
    uint64_t profile;
    struct sb_traffic_now traffic;
    struct sb_traffic_sum highest; /* window of one address: each count by itself the highest */
};

/* Of one collection. */
struct sb_traffic_window {
    uint64_t boot_ms;
    struct sb_traffic_now all;
    uint64_t cut;           /* targets over a floor that found no room in candidate */
    uint64_t samples_lost;  /* ever, as their ring was full */
    uint64_t destinations;  /* that have a row now */
    uint64_t packets_every; /* from now on: one packet in so many is a sample ... */
    uint64_t sources_every; /* ... and one source in so many */
    uint32_t profile_count;
    uint32_t candidate_count;
    uint32_t followed_count; /* in the order in which they were followed */
    uint32_t reserved;
    struct sb_profile_traffic profile[SB_PROFILES_MAX];    /* those with traffic */
    struct sb_target_traffic candidate[SB_CANDIDATES_MAX]; /* the highest excess first */
    struct sb_target_traffic followed[SB_FOLLOWED_MAX];
};

/* Of a Space-Saving sketch: count is at most error too high, and what is not there has less than
 * the smallest count that is. Both in packets, of which samples stand for several. */
struct sb_ranked {
    uint8_t key[16];
    uint64_t packets;
    uint64_t error;
};

/* A sketch's entries, the highest first. */
struct sb_node_top {
    uint32_t source_count;
    uint32_t destination_count;
    struct sb_ranked source[SB_NODE_TOP_MAX]; /* packets per second, over about 8 s */
    struct sb_ranked destination[SB_NODE_TOP_MAX];
};

/* Upper bounds of packet sizes in bytes, as an initializer; the last class has none. */
#define SB_SIZE_BOUNDS {64, 128, 256, 512, 1024, 1280, 1518}

struct sb_port_packets {
    uint64_t packets;
    uint64_t error;
    uint16_t protocol;
    uint16_t port;
    uint32_t reserved;
};

/* What is known of the packets to a followed target, since it was followed and up to a second
 * before. Counts are of packets, estimated from samples, unless another word is said. */
struct sb_target_evidence {
    uint64_t packets; /* that all the samples stand for */
    uint64_t samples;
    uint64_t distinct_sources;
    uint64_t sampled_sources; /* of those that are told apart ... */
    uint64_t once_sources;    /* ... were seen once */
    uint32_t source_count;
    uint32_t port_count;
    uint32_t source_port_count;
    uint32_t sample_count;
    struct sb_ranked source[SB_TOP_MAX];
    struct sb_port_packets port[SB_TOP_PORTS_MAX];        /* of destination */
    struct sb_port_packets source_port[SB_TOP_PORTS_MAX]; /* of source */
    uint64_t country[SB_COUNTRY_MAX + 1];
    uint64_t tcp_flags[256];
    uint64_t size[SB_SIZE_CLASSES];
    uint64_t reason[SB_REASON_COUNT];
    struct sb_sample sample[SB_EVIDENCE_SAMPLES_MAX]; /* the newest, oldest first */
};

#endif
