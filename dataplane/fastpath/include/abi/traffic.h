/* abi/traffic.h: the input of detection: counts of traffic, samples and captured packets.
 *
 * Workers write samples and captures (stages/traffic/). The collector reads them and writes sums
 * (detection/). A target is a protected address or prefix: 16 bytes, and a prefix length from 0 to
 * 128.
 */
#ifndef SB_ABI_TRAFFIC_H
#define SB_ABI_TRAFFIC_H

#include <stdint.h>

#include "abi/constants.h"

enum {
    SB_DESTINATIONS_MAX = 1 << 20, /* rows per lcore */
    SB_SAMPLES_MAX = 16384,        /* power of two: samples per lcore that are not collected yet */
    SB_CAPTURES_MAX = 1024,        /* power of two: captures per lcore, the newest ones */
    SB_CAPTURE_BYTES = 192,        /* bytes of one packet */
    SB_CANDIDATES_MAX = 256,       /* targets above a floor that one collection reports */
    SB_FOLLOWED_MAX = 64,          /* targets for which evidence is kept */
    SB_NODE_TOP_MAX = 256,         /* entries of the node's sketches */
    SB_TOP_MAX = 64,               /* entries of a sketch of one target */
    SB_TOP_PORTS_MAX = 32,
    SB_DISTINCT_MAX = 1024, /* sources of one target that are distinguished */
    SB_EVIDENCE_SAMPLES_MAX = 64,
    SB_SIZE_CLASSES = 8 /* one for each of SB_SIZE_BOUNDS, and one above */
};

/* See traffic.def. */
enum sb_traffic_kind {
#define SB_TRAFFIC(name, text) SB_TRAFFIC_##name,
#include "defs/traffic.def"
#undef SB_TRAFFIC
    SB_TRAFFIC_COUNT
};

/* The reason for which a packet was sampled: bits. */
enum sb_sampled {
    SB_SAMPLED_PACKET = 1 << 0, /* it is one of so many packets */
    SB_SAMPLED_SOURCE = 1 << 1  /* its source is one of so many sources */
};

/* One packet from outside. */
struct sb_sample {
    uint8_t source[16];
    uint8_t destination[16];
    uint64_t source_hash; /* keyed; sources with the lowest hashes are sampled */
    uint32_t boot_ds;
    uint32_t packets;     /* packets that it stands for, as a SB_SAMPLED_PACKET */
    uint16_t source_port; /* for TCP and UDP; 0: not known */
    uint16_t destination_port;
    uint16_t size; /* bytes on the wire, at most 65,535 */
    uint16_t profile;
    uint8_t protocol;
    uint8_t tcp_flags; /* for TCP with a readable header */
    uint8_t verdict;   /* enum sb_verdict */
    uint8_t reason;    /* enum sb_reason, if it was dropped or would have been */
    uint8_t sampled;   /* bits of enum sb_sampled */
    uint8_t ip_version;
    uint8_t has_ports;     /* 1: TCP or UDP with a readable header */
    uint8_t sources_shift; /* sources were sampled if their hash begins with so many zero bits */
};

/* A packet that was dropped, or would have been. Readers copy it and then check that sequence is
 * unchanged. It is 0 while the other fields change. */
struct sb_capture {
    uint64_t sequence; /* 1 for the first capture of this lcore, then 2 and so on; 0: none */
    uint64_t boot_ns;  /* CLOCK_BOOTTIME */
    uint32_t length;   /* bytes on the wire */
    uint16_t captured; /* captured bytes */
    uint16_t profile;
    uint8_t reason; /* enum sb_reason */
    uint8_t mode;   /* enum sb_mode; monitor: would have been dropped, enforce: was dropped */
    uint8_t port;   /* enum sb_port */
    uint8_t protected_version; /* 4 or 6; 0: the address is not known */
    uint8_t protected_address[16];
    uint8_t reserved[20];
    uint8_t bytes[SB_CAPTURE_BYTES];
};

/* --- results of the collector ----------------------------------------------------------------- */

struct sb_traffic_sum {
    uint64_t bytes;
    uint64_t count[SB_TRAFFIC_COUNT]; /* by enum sb_traffic_kind */
};

struct sb_traffic_now {
    struct sb_traffic_sum window; /* in the last second, in steps of a tenth */
    struct sb_traffic_sum since;  /* since the last collection: every packet counts once */
};

struct sb_target_traffic {
    uint8_t key[16];
    uint32_t prefix_length;
    uint32_t profile;
    uint64_t destinations; /* for a prefix: its addresses with traffic in the last second */
    struct sb_traffic_now traffic;
};

struct sb_profile_traffic {
    uint64_t profile;
    struct sb_traffic_now traffic;
    struct sb_traffic_sum highest; /* for each count: the highest of one address */
};

/* The results of one collection. */
struct sb_traffic_window {
    uint64_t boot_ms;
    struct sb_traffic_now all;
    uint64_t cut;           /* targets above a floor without room in candidate */
    uint64_t samples_lost;  /* since the start, because their ring was full */
    uint64_t destinations;  /* destinations that have a row now */
    uint64_t packets_every; /* from now on, one packet in so many is sampled ... */
    uint64_t sources_every; /* ... and one source in so many */
    uint32_t profile_count;
    uint32_t candidate_count;
    uint32_t followed_count; /* in the order in which they were added */
    uint32_t reserved;
    struct sb_profile_traffic profile[SB_PROFILES_MAX];    /* profiles with traffic */
    struct sb_target_traffic candidate[SB_CANDIDATES_MAX]; /* the highest excess first */
    struct sb_target_traffic followed[SB_FOLLOWED_MAX];
};

/* An entry of a Space-Saving sketch: packets is at most error too high. A key without an entry
 * has fewer packets than the smallest entry. Both numbers are packets; one sample stands for
 * several. */
struct sb_ranked {
    uint8_t key[16];
    uint64_t packets;
    uint64_t error;
};

/* The entries of the sketches of the node, the highest first. */
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

/* The evidence about the packets to a followed target, from at most a second before it was
 * followed. Counts are packets, estimated from samples, unless a comment says otherwise. */
struct sb_target_evidence {
    uint64_t packets; /* packets that all samples stand for */
    uint64_t samples;
    uint64_t distinct_sources;
    uint64_t sampled_sources; /* sources that are distinguished ... */
    uint64_t once_sources;    /* ... and those of them that were seen once */
    uint32_t source_count;
    uint32_t port_count;
    uint32_t source_port_count;
    uint32_t sample_count;
    struct sb_ranked source[SB_TOP_MAX];
    struct sb_port_packets port[SB_TOP_PORTS_MAX];        /* destination ports */
    struct sb_port_packets source_port[SB_TOP_PORTS_MAX]; /* source ports */
    uint64_t country[SB_COUNTRY_MAX + 1];
    uint64_t tcp_flags[256];
    uint64_t size[SB_SIZE_CLASSES];
    uint64_t reason[SB_REASON_COUNT];
    struct sb_sample sample[SB_EVIDENCE_SAMPLES_MAX]; /* the newest, oldest first */
};

#endif
