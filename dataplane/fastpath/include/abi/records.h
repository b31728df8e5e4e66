/* abi/records.h: arguments and results of the functions that Python calls for tables and
 * captures. */
#ifndef SB_ABI_RECORDS_H
#define SB_ABI_RECORDS_H

#include <stdint.h>

#include "abi/constants.h"

/* --- lists ------------------------------------------------------------------------------------ */

struct sb_list_record { /* one entry to put or remove */
    uint8_t key[16];
    uint32_t deadline_ds; /* ignored for a removal */
    uint8_t prefix_length;
    uint8_t list;   /* enum sb_list */
    int16_t result; /* out: 0 added, 1 replaced or removed, -errno */
};

struct sb_list_entry { /* the result of a look-up of one exact entry */
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

/* A range ends before the first address of the next one; the last range ends with the family. */
struct sb_country_range {
    uint64_t hi; /* first address; IPv4 is in the top 32 bits */
    uint64_t lo;
    uint16_t country; /* 0 to SB_COUNTRY_MAX */
    uint8_t reserved[6];
};

/* --- WAF rules -------------------------------------------------------------------------------- */

/* A rule for its slot. Number and names are constant as long as a database contains the slot;
 * the other fields may change. */
struct sb_waf_rule {
    uint64_t number;
    uint32_t slot;
    uint32_t deadline_ds; /* SB_DEADLINE_NEVER: no end */
    uint8_t action;       /* enum sb_waf_action */
    uint8_t is_enabled;
    uint8_t name_count;    /* number of header names that the rule applies to */
    uint8_t profile_count; /* 0 without is_listed: all profiles */
    uint8_t is_listed;     /* 1: only for the listed profiles, possibly none */
    uint8_t group;         /* index of its label; 0: no group */
    uint8_t severity;      /* enum sb_severity */
    uint8_t reserved[9];
    uint32_t name[SB_RULE_NAMES_MAX]; /* sb_waf_name() */
    uint16_t profile[SB_RULE_PROFILES_MAX];
};

/* --- replay ----------------------------------------------------------------------------------- */

struct sb_replay_record {  /* a packet of a capture, in a buffer */
    uint64_t timestamp_ns; /* since the epoch */
    uint64_t offset;       /* in the buffer */
    uint64_t captured;     /* available bytes */
    uint64_t length;       /* bytes on the wire; more than captured: cut by snaplen */
};

struct sb_replay_prefix { /* an address is inside if (address & mask) == key */
    uint8_t key[16];
    uint8_t mask[16];
};

/* The input of a replay, and its counters in addition to the lcore's statistics. */
struct sb_replay {
    uint64_t lcore;    /* struct sb_lcore *; its node has one lcore and a TSC of 1 GHz */
    uint64_t prefixes; /* const struct sb_replay_prefix *: the protected addresses */
    uint64_t prefix_count;
    uint64_t started;   /* 1: the clock has a time */
    uint64_t first_ns;  /* timestamp of the first packet */
    uint64_t clock_ns;  /* the newest timestamp so far; it never decreases */
    uint64_t backwards; /* packets with an earlier timestamp, judged at clock_ns */
    uint64_t inside_both;
    uint64_t inside_neither;
    uint64_t no_address; /* not IP, or malformed before its addresses */
    uint64_t cut;        /* packets cut by snaplen */
    uint64_t cut_short;  /* part of these: cut within their headers, forwarded without judgement */
    uint64_t link_scope;
    uint64_t allowed;   /* packets of clients on the allowlist */
    uint64_t neighbors; /* exempt packets of neighbours */
    /* Packets in the state before a NIC completed them, or with additional bytes. */
    uint64_t tso;                 /* captured before the segmentation: without a length */
    uint64_t big_tcp;             /* more than 65,535 bytes: without a length */
    uint64_t checksum_unfinished; /* of TCP */
    uint64_t surplus;             /* with bytes behind the IP packet that are not padding */
    /* Forwarded SYNs from outside, by sb_profile.syn_proxy. A replay has no SYN proxy. */
    uint64_t syns_auto;
    uint64_t syns_always;
};

#endif
