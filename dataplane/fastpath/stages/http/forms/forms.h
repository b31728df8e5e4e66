/* forms.h: which bytes of a request are scanned, in which forms. An operator reads the same in
 * docs/inspection.md; the twin in Python is dataplane/model/stages/http/forms/.
 *
 * Three forms, each one text of lines (LF between them).
 *
 * RAW: as sent. Of a head all of it, at the offsets that it has in the message, with line ends and
 * the blanks behind a value as LF; then more lines: the path, each argument of the query, each
 * cookie, and the values of headers that are there more than once, joined. Of a body its content;
 * then the trailers.
 *
 * DECODED: as applications read it. %XX once in path, arguments, header values and cookies; + as a
 * blank in arguments (of the query and of a urlencoded body); the path also with // and dot
 * segments resolved; escapes of JSON strings.
 *
 * FOLDED: as the most lenient reader has it, from what DECODED says: sb_text_fold(); of a path also
 * \ as / and parameters (;x) taken out.
 *
 * DECODED and FOLDED have only the values that differ from the form before: nothing to decode,
 * nothing to scan. But DECODED has every value of a body that is urlencoded or JSON and every field
 * of a form: in RAW they are no lines. Case is left to the engine.
 *
 * A scan for SB_WAF_ANY covers the whole text of each form; other classes have pieces of it.
 */
#ifndef SB_FORMS_H
#define SB_FORMS_H

#include "stages/http/framing/message.h"
#include "tables/waf/waf.h"

enum sb_http_form {
    SB_HTTP_FORM_RAW,
    SB_HTTP_FORM_DECODED,
    SB_HTTP_FORM_FOLDED,
    SB_HTTP_FORM_COUNT
};

enum { SB_HTTP_BODY_MAX = 1 << 20 /* bytes of a body that are inspected */ };

/* Of one form: the most that SB_HTTP_HEADERS_MAX headers, all of them cookies and all the same, can
 * make, and then some. */
enum { SB_HTTP_PIECES_MAX = 512 };

/* Bytes that each text must have room for, by the most of a body that is inspected. A head takes
 * less than 4 times SB_HTTP_HEAD_MAX: itself; path, query and cookies once more; headers that come
 * again joined, and those as cookies. Trailers likewise. A body that is decoded is not longer, but
 * for the end of its last line. */
#define SB_HTTP_TEXT_SIZE(body_limit) ((uint32_t)(body_limit) + 1u + 4u * SB_HTTP_HEAD_MAX)

struct sb_http_piece {
    uint32_t offset, size; /* in the form's text */
    uint32_t name;         /* sb_waf_name() of a header, else 0 */
    uint8_t class;         /* enum sb_waf_class */
};

/* Of one lcore, used again for each request. */
struct sb_http_values {
    /* Given by the caller. */
    uint8_t *text[SB_HTTP_FORM_COUNT];
    uint32_t capacity; /* of each text: SB_HTTP_TEXT_SIZE() */
    uint32_t classes;  /* bits of enum sb_waf_class: of which pieces are wanted */
    /* Found. */
    uint32_t size[SB_HTTP_FORM_COUNT];
    uint32_t differs;                    /* bits of enum sb_http_form: there is something to scan */
    uint64_t faults;                     /* bits of enum sb_http_fault */
    uint32_t secret[SB_HTTP_FORM_COUNT]; /* lines from there on are cookies and credentials */
    uint32_t piece_count[SB_HTTP_FORM_COUNT];
    struct sb_http_piece piece[SB_HTTP_FORM_COUNT][SB_HTTP_PIECES_MAX];
};

/* Of a request whose head is complete. bytes: the message from its first one. -ENOSPC: capacity is
 * below SB_HTTP_TEXT_SIZE(0), or the head beyond SB_HTTP_HEAD_MAX, and nothing was done. */
int sb_http_values_of_head(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes);

/* The path by which most servers choose what they serve: decoded once, // and dot segments
 * resolved. out has room for size bytes, one at least. Returns how many it is; a target that is no
 * path stays as it is. */
uint32_t sb_http_canonical_path(const uint8_t *in, uint32_t size, uint8_t *out);

/* Of its body and trailers. content: the body without framing, size bytes of it; is_whole: that is
 * all of it (else what is missing at the end of a multipart body is no fault). -ENOSPC: capacity is
 * below SB_HTTP_TEXT_SIZE(size), the body beyond SB_HTTP_BODY_MAX or its trailers beyond
 * SB_HTTP_HEAD_MAX, and nothing was done. */
int sb_http_values_of_body(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes, const uint8_t *content, uint32_t size,
                           bool is_whole);

#endif
