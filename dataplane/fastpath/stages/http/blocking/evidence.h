/* evidence.h: what of a request is kept as evidence of a match: the request line
 * and what stands around the match, without what looks like a secret.
 */
#ifndef SB_HTTP_EVIDENCE_H
#define SB_HTTP_EVIDENCE_H

#include "stages/http/framing/message.h"
#include "stages/http/work.h"
#include "tables/waf/waf.h"

/* Of one request, while it comes in. */
struct sb_http_evidence {
    uint16_t line_size;
    uint16_t hit_size;   /* of the first rule that was hit */
    uint16_t block_size; /* of the first that blocks */
    uint8_t line[SB_EVIDENCE_TEXT];
    uint8_t hit[SB_EVIDENCE_TEXT];
    uint8_t block[SB_EVIDENCE_TEXT];
};

/* The request line of a complete head. bytes: the message from its first one. */
void sb_http_note_line(struct sb_http_evidence *evidence, const struct sb_http_message *message,
                       const uint8_t *bytes);
/* What a rule was asked about: bytes of a class, in a form (enum sb_http_form); name: of a header.
 */
struct sb_http_shown {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t name;
    uint8_t class;
    uint32_t secret; /* lines from there on are cookies and credentials */
};

/* What stands around the end of a match; returns the size of what was written to out, which has
 * room for SB_EVIDENCE_TEXT. */
uint16_t sb_http_excerpt(uint8_t *out, const struct sb_http_shown *shown, uint32_t end);
/* Hands it on, for the rule that blocks, or the first that was hit; there is one. is_refused: the
 * client is told the newest incident. */
void sb_http_add_evidence(const struct sb_http_work *work, const struct sb_waf_request *request,
                          const struct sb_http_evidence *evidence, bool is_refused);

/* What may be done about the rule that blocks: the lower of the profile's mode and the group's. */
static inline enum sb_mode sb_http_rule_mode(const struct sb_http_work *work,
                                             const struct sb_waf_request *request) {
    const uint8_t mode = sb_profile_of(work->lcore, work->packet)->mode[SB_REASON_WAF_RULE];

    return (enum sb_mode)(mode < request->block_mode ? mode : request->block_mode);
}

#endif
