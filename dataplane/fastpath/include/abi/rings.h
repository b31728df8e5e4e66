/* abi/rings.h: SPSC rings of 64-byte elements, and their messages. Each cursor is on a page that
 * only its owner can write. */
#ifndef SB_ABI_RINGS_H
#define SB_ABI_RINGS_H

#include <stdint.h>

#include "abi/constants.h"

enum sb_message {
    SB_MESSAGE_NONE,
    SB_MESSAGE_DOORBELL,       /* command: sb_doorbell */
    SB_MESSAGE_EXPLAIN,        /* command: sb_explain; reply: sb_explained */
    SB_MESSAGE_DROP_SAMPLE,    /* event: sb_drop_sample */
    SB_MESSAGE_NOTICE,         /* event: sb_notice */
    SB_MESSAGE_RULE_TRIGGERED, /* event: sb_rule_triggered */
    SB_MESSAGE_EXPLAIN_PACKET, /* command: sb_explain_packet; replies: sb_explained_part */
    SB_MESSAGE_COUNT
};

struct sb_ring_element {
    uint64_t sequence; /* the producer's cursor at the write, + 1 */
    uint32_t kind;     /* enum sb_message */
    uint32_t reserved;
    uint8_t payload[48];
};

struct sb_ring_producer { /* written by the producer only */
    uint64_t cursor;      /* number of elements ever pushed */
    uint8_t reserved[SB_PAGE - 8];
    struct sb_ring_element slots[SB_RING_SLOTS];
};

struct sb_ring_consumer { /* written by the consumer only */
    uint64_t cursor;      /* number of elements ever popped */
    uint8_t reserved[SB_PAGE - 8];
};

struct sb_doorbell {
    uint64_t revision;
    uint8_t reserved[40];
};

struct sb_explain {
    uint64_t id;               /* chosen by the client, returned in the reply */
    uint64_t deadline_boot_ms; /* no reply is sent after this time */
    uint8_t key[16];
    uint8_t prefix_length; /* 0 to 128 */
    uint8_t list;          /* enum sb_list */
    uint8_t reserved[14];
};

struct sb_explained {
    uint64_t id;
    uint64_t hits;
    uint32_t deadline_ds; /* SB_DEADLINE_NEVER: no end */
    uint32_t found;       /* 1: in the table and not expired */
    uint8_t reserved[24];
};

struct sb_drop_sample {
    uint64_t boot_ds;
    uint8_t client[16];
    uint8_t protected_address[16];
    uint16_t profile;
    uint8_t reason;
    uint8_t mode;
    uint8_t port;
    uint8_t protocol;
    uint8_t reserved[2];
};

struct sb_rule_triggered {
    uint64_t rule;     /* number of the rule */
    uint64_t sequence; /* of its struct sb_evidence: element (sequence - 1) % SB_EVIDENCE_MAX */
    uint64_t incident;
    uint8_t client[16];
    uint16_t profile;
    uint16_t lcore;   /* the lcore with the evidence */
    uint8_t action;   /* enum sb_waf_action */
    uint8_t mode;     /* enum sb_mode */
    uint8_t severity; /* enum sb_severity */
    uint8_t group;    /* index of the label of its group */
};

enum sb_notice_kind {
    SB_NOTICE_STARTED,
    SB_NOTICE_DRAINING,
    SB_NOTICE_STATE_LOG_DEGRADED,
    SB_NOTICE_STATE_LOG_RECOVERED,
    SB_NOTICE_REJECTED,
    SB_NOTICE_LINK_CHANGED,
    SB_NOTICE_CLIENT_REFUSED,    /* a client has violated the protocol */
    SB_NOTICE_COUNTRIES_LOADED,  /* another country database is in use */
    SB_NOTICE_COUNTRIES_REFUSED, /* a country database can't be used; the present one stays */
    SB_NOTICE_SYN_PROXY_ON, /* in a profile with AUTO; address: 0: whole profile; value: SYNs/s */
    SB_NOTICE_SYN_PROXY_OFF,
    SB_NOTICE_COMPILER_LOST, /* no compile helper answers: WAF rules stay as they are */
    SB_NOTICE_COMPILER_BACK,
    SB_NOTICE_RULES_IN_FORCE, /* all WAF rules are in force; value: their number */
    SB_NOTICE_POLICY_APPLIED, /* a policy that arrived after the start; value: its revision */
    SB_NOTICE_LINK_HELD,      /* a link was taken down on purpose; value: the port */
    SB_NOTICE_LINK_RELEASED,
    SB_NOTICE_COUNT
};

struct sb_notice {
    uint64_t boot_ms;
    uint64_t notice; /* enum sb_notice_kind */
    uint64_t value;  /* revision, port or errno */
    uint8_t address[16];
    uint16_t profile; /* index of the profile, for notices about one */
    uint8_t reserved[6];
};

#endif
