/* forms.c: see forms_private.h. */
#include "forms_private.h"

#include <string.h>

enum { LINE_ENDS = SB_FORMS_FOLDED | SB_TEXT_CONTROL };

const struct sb_forms_reading sb_forms_argument = {SB_FORMS_ESCAPE_PERCENT, true, LINE_ENDS, false};
const struct sb_forms_reading sb_forms_body_argument = {SB_FORMS_ESCAPE_PERCENT, true, LINE_ENDS,
                                                        true};
const struct sb_forms_reading sb_forms_header = {SB_FORMS_ESCAPE_PERCENT, false, SB_FORMS_FOLDED,
                                                 false};
const struct sb_forms_reading sb_forms_json = {SB_FORMS_ESCAPE_JSON, false, SB_FORMS_FOLDED, true};
const struct sb_forms_reading sb_forms_text = {SB_FORMS_ESCAPE_NONE, false, LINE_ENDS, false};
const struct sb_forms_reading sb_forms_field = {SB_FORMS_ESCAPE_NONE, false, LINE_ENDS, true};

static void add_piece(struct sb_http_values *values, enum sb_http_form form,
                      const struct sb_http_piece *piece);

void sb_forms_begin(struct sb_http_values *values) {
    memset(values->size, 0, sizeof(values->size));
    memset(values->piece_count, 0, sizeof(values->piece_count));
    values->differs = 0;
    values->faults = 0;
}

void sb_forms_secrets_follow(struct sb_http_values *values) {
    memcpy(values->secret, values->size, sizeof(values->secret));
}

void sb_forms_finish(struct sb_http_values *values) {
    for (uint32_t form = 0; form < SB_HTTP_FORM_COUNT; form++)
        values->differs |= (uint32_t)(values->size[form] != 0) << form;
}

void sb_forms_value(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    const struct sb_forms_reading *reading) {
    static const uint8_t ESCAPES[] = {
        [SB_FORMS_ESCAPE_PERCENT] = SB_TEXT_PERCENT, [SB_FORMS_ESCAPE_JSON] = SB_TEXT_BACKSLASH};
    uint32_t traits = sb_text_traits(in, size), folded;
    bool is_decoded = false, is_folded;

    if ((traits & (ESCAPES[reading->escape] | (reading->plus ? SB_TEXT_PLUS : 0))) != 0) {
        uint8_t *out = sb_forms_end(values, SB_HTTP_FORM_DECODED);
        uint32_t decoded = reading->escape == SB_FORMS_ESCAPE_JSON
                               ? sb_text_unescape(in, size, out)
                               : sb_text_decode(in, size, out, reading->plus);

        /* Each escape is longer than the character it encodes. */
        is_decoded = decoded != size || (reading->plus && (traits & SB_TEXT_PLUS) != 0);
        if (is_decoded) {
            sb_forms_line(values, SB_HTTP_FORM_DECODED, decoded);
            in = out;
            size = decoded;
        }
    }
    if (!is_decoded && reading->is_line && size != 0) {
        memcpy(sb_forms_end(values, SB_HTTP_FORM_DECODED), in, size);
        sb_forms_line(values, SB_HTTP_FORM_DECODED, size);
    }
    if (!is_decoded && (traits & reading->folded) == 0)
        return;
    folded = sb_text_fold(in, size, sb_forms_end(values, SB_HTTP_FORM_FOLDED), reading->plus,
                          &is_folded);
    if (is_folded)
        sb_forms_line(values, SB_HTTP_FORM_FOLDED, folded);
}

void sb_forms_split(struct sb_http_values *values, const uint8_t *in, uint32_t size,
                    uint8_t separator, const struct sb_forms_reading *reading) {
    const uint8_t *end = in + size;

    for (; in < end; in++) {
        const uint8_t *next = memchr(in, separator, (size_t)(end - in));

        if (next == NULL)
            next = end;
        sb_forms_value(values, in, (uint32_t)(next - in), reading);
        in = next;
    }
}

void sb_forms_piece(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                    uint32_t offset, uint32_t size) {
    const struct sb_http_piece piece = {offset, size, name, (uint8_t)class};

    if (sb_forms_wants(values, class) && size != 0)
        add_piece(values, SB_HTTP_FORM_RAW, &piece);
}

void sb_forms_pieces(struct sb_http_values *values, enum sb_waf_class class, uint32_t name,
                     const struct sb_forms_mark *since) {
    if (!sb_forms_wants(values, class))
        return;
    for (int form = SB_HTTP_FORM_DECODED; form < SB_HTTP_FORM_COUNT; form++) {
        uint32_t from = since->at[form], end = values->size[form];
        /* The end of the last line is not part of the piece. */
        const struct sb_http_piece piece = {from, end - from - 1, name, (uint8_t)class};

        if (end != from)
            add_piece(values, form, &piece);
    }
}

/* There are never more than SB_HTTP_PIECES_MAX pieces; the test only guards against an error in
 * this file. */
static void add_piece(struct sb_http_values *values, enum sb_http_form form,
                      const struct sb_http_piece *piece) {
    uint32_t count = values->piece_count[form];

    if (count == SB_HTTP_PIECES_MAX)
        return;
    values->piece[form][count] = *piece;
    values->piece_count[form] = count + 1;
}

bool sb_forms_is(const uint8_t *text, uint32_t size, const char *word) {
    if (strlen(word) != size)
        return false;
    for (uint32_t i = 0; i < size; i++)
        if (text[i] != word[i] && ((text[i] | 0x20) != word[i] || text[i] < 'A' || text[i] > 'Z'))
            return false;
    return true;
}
