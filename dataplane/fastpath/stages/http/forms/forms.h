/* forms.h: which bytes of a request are scanned, in which forms. docs/inspection.md describes the
 * forms for operators. The model in Python is dataplane/model/stages/http/forms/.
 *
 * There are three forms. Each is one text of lines, with LF between them.
 *
 * RAW: the bytes as sent. For a head: the whole head, at the offsets that it has in the message,
 * with LF in place of line ends and of blanks behind a value; then more lines: the path, each
 * argument of the query, each cookie, and the joined values of headers that occur more than once.
 * For a body: its content; then the trailers.
 *
 * DECODED: the values as applications read them. %XX is decoded once in the path, arguments, header
 * values and cookies; + is a blank in arguments (of the query and of a urlencoded body). The path
 * also has // and dot segments resolved. The escapes of JSON strings are decoded.
 *
 * FOLDED: the values as the most lenient reader reads them, made from DECODED with sb_text_fold().
 * In a path, \ also becomes /, and parameters (;x) are removed.
 *
 * DECODED and FOLDED only have the values that differ from the form before; equal values are not
 * scanned again. Exception: DECODED has every value of a urlencoded or JSON body and every field of
 * a form, because RAW has no separate lines for them. No form changes the case of letters,
 * because the engine ignores case by default.
 *
 * A scan for SB_WAF_ANY covers the whole text of each form; other classes have pieces of the text.
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

/* Pieces of one form: more than SB_HTTP_HEADERS_MAX headers can produce if all are cookies with the
 * same name. */
enum { SB_HTTP_PIECES_MAX = 512 };

/* Bytes of room that each text needs, for the largest inspected body. A head needs less than 4
 * times SB_HTTP_HEAD_MAX: the head itself; path, query and cookies once more; joined headers, and
 * these as cookies. The same holds for trailers. A decoded body is not longer than the body, except
 * for the end of its last line. */
#define SB_HTTP_TEXT_SIZE(body_limit) ((uint32_t)(body_limit) + 1u + 4u * SB_HTTP_HEAD_MAX)

struct sb_http_piece {
    uint32_t offset, size; /* in the form's text */
    uint32_t name;         /* sb_waf_name() of a header, else 0 */
    uint8_t class;         /* enum sb_waf_class */
};

/* Values of one request. Each lcore has one, and uses it again for each request. */
struct sb_http_values {
    /* Input, set by the caller. */
    uint8_t *text[SB_HTTP_FORM_COUNT];
    uint32_t capacity; /* of each text: SB_HTTP_TEXT_SIZE() */
    uint32_t classes;  /* bits of enum sb_waf_class: classes whose pieces are needed */
    /* Output. */
    uint32_t size[SB_HTTP_FORM_COUNT];
    /* bits of enum sb_http_form: this form has lines to scan */
    uint32_t differs;
    uint64_t faults;                     /* bits of enum sb_http_fault */
    uint32_t secret[SB_HTTP_FORM_COUNT]; /* lines from this offset on are cookies and credentials */
    uint32_t piece_count[SB_HTTP_FORM_COUNT];
    struct sb_http_piece piece[SB_HTTP_FORM_COUNT][SB_HTTP_PIECES_MAX];
};

/* Finds the values of a complete head. bytes: the message from its first byte. -ENOSPC: capacity is
 * below SB_HTTP_TEXT_SIZE(0), or the head is larger than SB_HTTP_HEAD_MAX; nothing was done. */
int sb_http_values_of_head(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes);

/* The path by which most servers select a resource: decoded once, with // and dot segments
 * resolved. out has room for size bytes, at least one. Returns the size of the result. A target
 * that is no path stays unchanged. */
uint32_t sb_http_canonical_path(const uint8_t *in, uint32_t size, uint8_t *out);

/* Finds the values of a body and its trailers. content: the body without framing, size bytes.
 * is_whole: content is the complete body (otherwise a missing end of a multipart body is no fault).
 * -ENOSPC: capacity is below SB_HTTP_TEXT_SIZE(size), the body is larger than SB_HTTP_BODY_MAX or
 * its trailers are larger than SB_HTTP_HEAD_MAX; nothing was done. */
int sb_http_values_of_body(struct sb_http_values *values, const struct sb_http_message *message,
                           const uint8_t *bytes, const uint8_t *content, uint32_t size,
                           bool is_whole);

#endif
