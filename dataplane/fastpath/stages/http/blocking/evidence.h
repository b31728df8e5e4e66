/* evidence.h: the parts of a request that are kept as evidence of a match: the request line and the
 * text around the match. Values that look like secrets are replaced. */
#ifndef SB_HTTP_EVIDENCE_H
#define SB_HTTP_EVIDENCE_H

#include "stages/http/framing/message.h"
#include "stages/http/work.h"
#include "tables/waf/waf.h"

/* The evidence of a request while it is received. */
struct sb_http_evidence {
    uint16_t line_size;
    uint16_t hit_size;   /* of the first rule that matched */
    uint16_t block_size; /* of the first rule that blocks */
    uint8_t line[SB_EVIDENCE_TEXT];
    uint8_t hit[SB_EVIDENCE_TEXT];
    uint8_t block[SB_EVIDENCE_TEXT];
};

/* Records the request line of a complete head. bytes: the message from its first byte. */
void sb_http_note_line(struct sb_http_evidence *evidence, const struct sb_http_message *message,
                       const uint8_t *bytes);
/* Bytes that were scanned: of a class, in a form (enum sb_http_form). name: of a header. */
struct sb_http_shown {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t name;
    uint8_t class;
    uint32_t secret; /* lines from this offset on are cookies and credentials */
};

/* Writes the text around the end of a match to out, which has room for SB_EVIDENCE_TEXT bytes.
 * Returns the size. */
uint16_t sb_http_excerpt(uint8_t *out, const struct sb_http_shown *shown, uint32_t end);
/* Publishes the evidence of the rule that blocks, or else of the first rule that matched.
 * is_refused: the client sees the newest incident number. */
void sb_http_add_evidence(const struct sb_http_work *work, const struct sb_waf_request *request,
                          const struct sb_http_evidence *evidence, bool is_refused);

/* The mode in force for the rule that blocks: the lower of the profile's mode and the mode of the
 * rule's group. */
static inline enum sb_mode sb_http_rule_mode(const struct sb_http_work *work,
                                             const struct sb_waf_request *request) {
    const uint8_t mode = sb_profile_of(work->lcore, work->packet)->mode[SB_REASON_WAF_RULE];

    return (enum sb_mode)(mode < request->block_mode ? mode : request->block_mode);
}

#endif
