/* forms_private.h: how values of a request are added to their forms. */
#ifndef SB_FORMS_PRIVATE_H
#define SB_FORMS_PRIVATE_H

#include "forms.h"
#include "forms_text.h"

/* What folding can change in any value; line ends too, where they are no separators. */
enum { SB_FORMS_FOLDED = SB_TEXT_PERCENT | SB_TEXT_AMPERSAND | SB_TEXT_HIGH };

enum sb_forms_escape { /* what DECODED undoes */
                       SB_FORMS_ESCAPE_NONE,
                       SB_FORMS_ESCAPE_PERCENT,
                       SB_FORMS_ESCAPE_JSON
};

/* How values of one kind are read. */
struct sb_forms_reading {
    uint8_t escape; /* enum sb_forms_escape */
    bool plus;      /* + is a blank */
    uint8_t folded; /* bits of enum sb_text_trait: without any of them, folding changes nothing */
    bool is_line;   /* in DECODED even if it does not differ: in RAW it is no line of its own */
};

extern const struct sb_forms_reading sb_forms_argument, sb_forms_header, sb_forms_json,
    sb_forms_text, sb_forms_body_argument, sb_forms_field;

/* Where a piece begins, in each form. */
struct sb_forms_mark {
    uint32_t at[SB_HTTP_FORM_COUNT];
};

static inline uint8_t *sb_forms_end(struct sb_http_values *values, enum sb_http_form form) {
    return values->text[form] + values->size[form];
}

/* What was written behind the end of a text becomes a line of it. */
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
/* Lines that come from now on are not to be shown. */
void sb_forms_secrets_follow(struct sb_http_values *values);
/* Sets `differs`. */
void sb_forms_finish(struct sb_http_values *values);

/* A line in DECODED and one in FOLDED, each only if it differs from the form before (or is_line).
 */
void sb_forms_value(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    const struct sb_forms_reading *reading);

/* sb_forms_value() of each part between separators. */
void sb_forms_split(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    uint8_t separator, const struct sb_forms_reading *reading);

/* A part of the text of RAW, if the class is wanted. */
void sb_forms_piece(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                    uint32_t offset, uint32_t size);

/* What has come to DECODED and FOLDED since, if the class is wanted. */
void sb_forms_pieces(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                     const struct sb_forms_mark *since);

/* The values of a header, or of all of its name; offset, size: in the text of RAW. */
void sb_forms_add_header(struct sb_http_values *values, const uint8_t *name, uint32_t name_size,
                         uint32_t offset, uint32_t size);

/* Content of no declared kind, or of a part: JSON if it begins like that, XML likewise, a field of
 * a form if is_field, and nothing else. */
void sb_forms_add_guessed(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                          bool is_field);

/* Strings of JSON, and what is between them. */
void sb_forms_add_json(struct sb_http_values *values, const uint8_t *in, uint32_t size);

/* The parts of a multipart body, and its faults. */
void sb_forms_add_parts(struct sb_http_values *values, const uint8_t *boundary,
                        uint32_t boundary_size, const uint8_t *in, uint32_t size, bool is_whole);

/* Whether text is a word, given in lower case, whatever its own case. */
bool sb_forms_is(const uint8_t *text, uint32_t size, const char *word);

static inline void sb_forms_fault(struct sb_http_values *values, enum sb_http_fault fault) {
    values->faults |= 1ull << fault;
}

/* The path's lines in DECODED and FOLDED, and its faults. */
void sb_forms_path(struct sb_http_values *values, const uint8_t *in, uint32_t size);

#endif
