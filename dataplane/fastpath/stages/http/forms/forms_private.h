/* forms_private.h: how values of a request are added to their forms. */
#ifndef SB_FORMS_PRIVATE_H
#define SB_FORMS_PRIVATE_H

#include "forms.h"
#include "forms_text.h"

/* Characters of escapes that folding decodes in any value, including escaped line ends. */
enum { SB_FORMS_FOLDED = SB_TEXT_PERCENT | SB_TEXT_AMPERSAND | SB_TEXT_HIGH };

enum sb_forms_escape { /* the escapes that DECODED decodes */
                       SB_FORMS_ESCAPE_NONE,
                       SB_FORMS_ESCAPE_PERCENT,
                       SB_FORMS_ESCAPE_JSON
};

/* How values of one kind are decoded. */
struct sb_forms_reading {
    uint8_t escape; /* enum sb_forms_escape */
    bool plus;      /* + is a blank */
    uint8_t folded; /* bits of enum sb_text_trait: folding changes no value without them */
    bool is_line;   /* added to DECODED even if it does not differ, because it is no line of RAW */
};

extern const struct sb_forms_reading sb_forms_argument, sb_forms_header, sb_forms_json,
    sb_forms_text, sb_forms_body_argument, sb_forms_field;

/* The beginning of a piece, in each form. */
struct sb_forms_mark {
    uint32_t at[SB_HTTP_FORM_COUNT];
};

static inline uint8_t *sb_forms_end(struct sb_http_values *values, enum sb_http_form form) {
    return values->text[form] + values->size[form];
}

/* Makes the size bytes written behind the end of a text, and a line end, part of it. */
static inline void sb_forms_line(struct sb_http_values *values, enum sb_http_form form,
                                 uint32_t size) {
    values->size[form] += size;
    values->text[form][values->size[form]++] = '\n';
}

static inline bool sb_forms_wants(const struct sb_http_values *values, enum sb_waf_class class) {
    return (values->classes >> class & 1) != 0;
}

static inline struct sb_forms_mark sb_forms_here(const struct sb_http_values *values) {
    struct sb_forms_mark mark;

    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++)
        mark.at[form] = values->size[form];
    return mark;
}

void sb_forms_begin(struct sb_http_values *values);
/* Evidence does not show the lines that are added from now on. */
void sb_forms_secrets_follow(struct sb_http_values *values);
/* Sets `differs` at the end. */
void sb_forms_finish(struct sb_http_values *values);

/* Adds the value to DECODED and to FOLDED, in each case only if it differs from the form before (or
 * is_line). */
void sb_forms_value(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    const struct sb_forms_reading *reading);

/* Calls sb_forms_value() for each part between separators. */
void sb_forms_split(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    uint8_t separator, const struct sb_forms_reading *reading);

/* Adds a part of RAW's text as a piece, if the class is needed. */
void sb_forms_piece(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                    uint32_t offset, uint32_t size);

/* Adds the lines that DECODED and FOLDED have got since the mark as pieces, if the class is needed.
 */
void sb_forms_pieces(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                     const struct sb_forms_mark *since);

/* Adds the values of one header, or of all headers with its name, joined. offset, size: in the text
 * of RAW. */
void sb_forms_add_header(struct sb_http_values *values, const uint8_t *name, uint32_t name_size,
                         uint32_t offset, uint32_t size);

/* Adds content without a declared type, or of a part: as JSON or XML if it begins like these, else
 * as a field of a form if is_field. */
void sb_forms_add_guessed(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                          bool is_field);

/* Adds the strings of a JSON text, and the text between them. */
void sb_forms_add_json(struct sb_http_values *values, const uint8_t *in, uint32_t size);

/* Adds the parts of a multipart body, and sets its faults. */
void sb_forms_add_parts(struct sb_http_values *values, const uint8_t *boundary,
                        uint32_t boundary_size, const uint8_t *in, uint32_t size, bool is_whole);

/* Whether text is a word, regardless of case. word: in lower case. */
bool sb_forms_is(const uint8_t *text, uint32_t size, const char *word);

static inline void sb_forms_fault(struct sb_http_values *values, enum sb_http_fault fault) {
    values->faults |= 1ull << fault;
}

/* Adds the path's lines to DECODED and FOLDED, and sets its faults. */
void sb_forms_path(struct sb_http_values *values, const uint8_t *in, uint32_t size);

#endif
