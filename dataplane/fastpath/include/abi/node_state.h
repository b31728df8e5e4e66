/* abi/node_state.h: the node's state beside its counters: devices, links, drain, changes that could
 * not be applied, rates. The control loop writes it. */
#ifndef SB_ABI_NODE_STATE_H
#define SB_ABI_NODE_STATE_H

#include <stdint.h>

#include "abi/constants.h"

/* The driver's counters, copied by the control loop. */
struct sb_device_stats {
    uint64_t missed;  /* rte_eth_stats.imissed */
    uint64_t errors;  /* rte_eth_stats.ierrors */
    uint64_t no_mbuf; /* rte_eth_stats.rx_nombuf */
    uint64_t tx_errors;
    uint64_t link_up; /* 0 or 1 */
    uint64_t speed_mbps;
    uint64_t link_can_be_held; /* 1: its driver or the kernel can take the link down */
    uint64_t link_held;        /* 1: the node holds the link down */
};

/* Links that are held down, so that routers detect a loss or a drain. */
enum sb_links_state {
    SB_LINKS_STATE_SETTLING, /* after a start or a release, links have time to come up */
    SB_LINKS_STATE_WATCHING,
    SB_LINKS_STATE_LOST,    /* one port has lost its link; the other is held down */
    SB_LINKS_STATE_HOLDING, /* the lost link has returned too early; both are held down */
    SB_LINKS_STATE_DRAINED, /* the node drains; both are held down */
    SB_LINKS_STATE_COUNT
};

struct sb_links {
    uint64_t state; /* enum sb_links_state */
    uint64_t since_boot_ms;
    uint64_t loss_forwarding; /* 1: link-loss forwarding is on */
    uint64_t losses;          /* forwarded losses since the start */
};

enum sb_state { SB_STATE_STARTING, SB_STATE_RUNNING, SB_STATE_DRAINING, SB_STATE_COUNT };

/* The reasons of a degraded node: bits. */
enum sb_degraded {
    SB_DEGRADED_STATE_LOG = 1 << 0, /* can't be read; the last good generation is in force */
    SB_DEGRADED_REJECTED = 1 << 1,  /* a change could not be applied */
    SB_DEGRADED_LINK = 1 << 2,      /* a port has no link */
    SB_DEGRADED_COUNTRIES = 1 << 3, /* no country database although needed, or an invalid one */
    /* WAF rules wait and nothing compiles them, or not all rules from before the start are in
     * force yet. */
    SB_DEGRADED_RULES = 1 << 4,
    SB_DEGRADED_DETECTION = 1 << 5, /* detection pauses after an error */
    SB_DEGRADED_LINK_HOLD = 1 << 6  /* a link that may have to be held down can't be taken down */
};

enum sb_drain_state {
    SB_DRAIN_STATE_OFF,
    SB_DRAIN_STATE_CONNECTIONS, /* waits for proxied connections to end */
    SB_DRAIN_STATE_TRAFFIC,     /* waits until no packets arrive */
    SB_DRAIN_STATE_COMPLETE,
    SB_DRAIN_STATE_COUNT
};

struct sb_drain {
    uint64_t wanted; /* 1: a drain is requested in the state log */
    uint64_t state;  /* enum sb_drain_state */
    uint64_t takes_links_down;
    uint64_t quiet_ms; /* since the last packet other than link control; in a drain only */
    uint64_t lost;     /* proxied connections left at the completion of drains, since the start */
};

/* The state of the WAF's rules: bits. */
enum sb_rules_state {
    SB_RULES_READY = 1 << 0,     /* all rules that existed at the start are in force */
    SB_RULES_BUILDING = 1 << 1,  /* databases are being compiled */
    SB_RULES_AWAY = 1 << 2,      /* no compile helper answers */
    SB_RULES_FULL = 1 << 3,      /* rules wait because the small databases are full */
    SB_RULES_NO_MEMORY = 1 << 4, /* the node has too little memory to compile the rules */
};

/* The kind of a change that could not be applied. */
enum sb_rejected_kind {
    SB_REJECTED_ENTRY,    /* of a list: see key, prefix_length and list */
    SB_REJECTED_POLICY,   /* the former policy stays in force */
    SB_REJECTED_IMPORT,   /* none of its entries is in force */
    SB_REJECTED_PREFIXES, /* prefixes of the revision; they wait for the next change of a prefix */
    SB_REJECTED_RULE,     /* of the WAF: see rule; it is not in force */
    SB_REJECTED_OVERLAYS, /* the former overlays stay in force */
    SB_REJECTED_COUNT
};

struct sb_rejected {
    uint64_t revision;
    uint64_t kind;  /* enum sb_rejected_kind */
    uint64_t error; /* errno */
    uint8_t key[16];
    uint64_t prefix_length;
    uint64_t list;                  /* enum sb_list */
    uint64_t rule;                  /* number of the rule */
    uint8_t text[SB_REJECTED_TEXT]; /* the reason, in UTF-8, padded with 0; empty: see error */
};

/* Rates of both ports together, in the last second. */
struct sb_traffic_rates {
    uint64_t received_pps;
    uint64_t received_bps; /* bits per second */
    uint64_t forwarded_pps;
    uint64_t consumed_pps;
    uint64_t dropped_pps;
};

/* An address or a profile for which AUTO has switched the SYN proxy on. */
struct sb_protected {
    uint8_t address[16]; /* all zero: the whole profile */
    uint64_t profile;    /* index of the profile */
};

/* All of them, for all lcores. An address may occur once for each lcore. */
struct sb_syn_proxy_on {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;   /* number of all; the first SB_PROTECTED_SHOWN are in shown */
    struct sb_protected shown[SB_PROTECTED_SHOWN];
};

struct sb_hit_entry {
    uint8_t key[16];
    uint64_t hits;
    uint64_t prefix_length;
};

/* The entries of a list with the most hits, from the last walk over all entries. */
struct sb_most_hit {
    uint64_t version; /* odd while the rest changes */
    uint64_t count;
    struct sb_hit_entry entry[SB_MOST_HIT_MAX]; /* the most hit one first */
};

#endif
