/* abi/records.h: what Python hands to functions on tables and captures, and gets back. */
#ifndef SB_ABI_RECORDS_H
#define SB_ABI_RECORDS_H

#include <stdint.h>

#include "abi/constants.h"

/* --- lists ------------------------------------------------------------------------------------ */

struct sb_list_record { /* one entry to put or remove */
    uint8_t key[16];
    uint32_t deadline_ds; /* ignored when removing */
    uint8_t prefix_length;
    uint8_t list;   /* enum sb_list */
    int16_t result; /* out: 0 added, 1 replaced or removed, -errno */
};

struct sb_list_entry { /* what a look-up of one exact entry answers */
    uint64_t hits;
    uint32_t deadline_ds;
    uint32_t found;
};

struct sb_lists_usage {
    uint64_t addresses_max;
    uint64_t addresses_used;
    uint64_t prefixes_max;
    uint64_t prefixes_used_ipv4;
    uint64_t prefixes_used_ipv6;
    uint64_t bytes;
};

/* --- countries -------------------------------------------------------------------------------- */

/* From its first address to the next range's; the last reaches to the end of the family. */
struct sb_country_range {
    uint64_t hi; /* first address; IPv4 stands in the top 32 bits */
    uint64_t lo;
    uint16_t country; /* 0 to SB_COUNTRY_MAX */
    uint8_t reserved[6];
};

/* --- WAF rules -------------------------------------------------------------------------------- */

/* What of a rule can change while it is compiled in, and what its slot is given at the start. */
struct sb_waf_rule {
    uint64_t number;
    uint32_t slot;
    uint32_t deadline_ds; /* SB_DEADLINE_NEVER: no end */
    uint8_t action;       /* enum sb_waf_action */
    uint8_t is_enabled;
    uint8_t name_count;    /* of the headers that it is for */
    uint8_t profile_count; /* 0 and not is_listed: all */
    uint8_t is_listed;     /* 1: only for these profiles, be it none */
    uint8_t group;         /* index of its label; 0: none */
    uint8_t severity;      /* enum sb_severity */
    uint8_t reserved[9];
    uint32_t name[SB_RULE_NAMES_MAX]; /* sb_waf_name() */
    uint16_t profile[SB_RULE_PROFILES_MAX];
};

/* --- replay ----------------------------------------------------------------------------------- */

struct sb_replay_record {  /* a packet of a capture that lies in a buffer */
    uint64_t timestamp_ns; /* since the epoch */
    uint64_t offset;       /* in the buffer */
    uint64_t captured;     /* bytes there */
    uint64_t length;       /* bytes on the wire; more than captured: cut by snaplen */
};

struct sb_replay_prefix { /* an address is inside if (address & mask) == key */
    uint8_t key[16];
    uint8_t mask[16];
};

/* What a replay runs on and what it counts beside the lcore's statistics. */
struct sb_replay {
    uint64_t lcore;    /* struct sb_lcore *; its node has one lcore and a TSC of 1 GHz */
    uint64_t prefixes; /* const struct sb_replay_prefix *: the protected addresses */
    uint64_t prefix_count;
    uint64_t started;   /* 1: the clock runs */
    uint64_t first_ns;  /* timestamp of the first packet */
    uint64_t clock_ns;  /* the newest timestamp so far: the clock never goes back */
    uint64_t backwards; /* packets stamped before it, taken as of that time */
    uint64_t inside_both;
    uint64_t inside_neither;
    uint64_t no_address; /* not IP, or malformed before its addresses */
    uint64_t cut;        /* by snaplen */
    uint64_t cut_short;  /* of those, before the headers ended: forwarded without judgement */
    uint64_t link_scope;
    uint64_t allowed;   /* by the allowlist */
    uint64_t neighbors; /* that nobody judged */
    /* What a capture shows because a NIC had not yet done its part, or has added something. */
    uint64_t tso;                 /* captured before segmentation: without a length */
    uint64_t big_tcp;             /* of more than 65,535 bytes: without a length */
    uint64_t checksum_unfinished; /* TCP */
    uint64_t surplus;             /* with bytes behind the IP packet that are no padding */
    /* Forwarded SYNs from outside: a replay has no SYN proxy. By sb_profile.syn_proxy. */
    uint64_t syns_auto;
    uint64_t syns_always;
};

#endif
