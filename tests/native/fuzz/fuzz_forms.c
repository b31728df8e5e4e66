/* fuzz_forms.c: libFuzzer over the forms of heads and bodies: every line has room, every piece lies
 * in its text, and nothing beyond what has come is read.
 *
 * Byte 0 of an input: from 128 on the rest is a head; else a body, bits 0 to 2 its kind (enum
 * sb_http_content), bit 3 whether it is whole.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stages/http/forms/forms.h"

enum { HEAD = 128, KINDS = 8, WHOLE = 8 };

static const char boundary[] = "x-7";
static struct sb_http_values values, again;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static void give(struct sb_http_values *to, uint32_t capacity, uint32_t classes);
static void take(struct sb_http_values *from);
static void run_head(const uint8_t *bytes, size_t size);
static void run_body(uint8_t how, const uint8_t *content, size_t size);
static void check(void);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    if (data[0] >= HEAD)
        run_head(data + 1, size - 1);
    else
        run_body(data[0], data + 1, size - 1);
    return 0;
}

/* Memory of exactly the size that is asked for. */
static void give(struct sb_http_values *to, uint32_t capacity, uint32_t classes) {
    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++)
        to->text[form] = malloc(capacity);
    to->capacity = capacity;
    to->classes = classes;
}

static void take(struct sb_http_values *from) {
    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++)
        free(from->text[form]);
}

static void run_head(const uint8_t *bytes, size_t size) {
    static struct sb_http_message message;

    sb_http_message_begin(&message);
    if (sb_http_feed(&message, bytes, size) == SB_HTTP_HEAD || message.head_size == 0)
        return;
    give(&values, SB_HTTP_TEXT_SIZE(0), UINT32_MAX);
    give(&again, SB_HTTP_TEXT_SIZE(0), 1u << SB_WAF_ANY);
    assert(sb_http_values_of_head(&values, &message, bytes) == 0);
    assert(sb_http_values_of_head(&again, &message, bytes) == 0);
    check();
}

static void run_body(uint8_t how, const uint8_t *content, size_t size) {
    static struct sb_http_message message;
    const uint32_t length = (uint32_t)size;
    const bool is_whole = (how & WHOLE) != 0;

    message.content = how % KINDS;
    message.boundary = (struct sb_http_span){0, sizeof(boundary) - 1};
    give(&values, SB_HTTP_TEXT_SIZE(length), UINT32_MAX);
    give(&again, SB_HTTP_TEXT_SIZE(length), 1u << SB_WAF_ANY);
    assert(sb_http_values_of_body(&values, &message, (const uint8_t *)boundary, content, length,
                                  is_whole) == 0);
    assert(sb_http_values_of_body(&again, &message, (const uint8_t *)boundary, content, length,
                                  is_whole) == 0);
    assert(values.size[SB_HTTP_FORM_RAW] == length);
    assert(memcmp(values.text[SB_HTTP_FORM_RAW], content, length) == 0);
    check();
}

/* The texts are the same whatever pieces are asked for. */
static void check(void) {
    assert(values.faults == again.faults && values.differs == again.differs);
    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++) {
        const uint32_t size = values.size[form];

        assert(size <= values.capacity && size == again.size[form]);
        assert(memcmp(values.text[form], again.text[form], size) == 0);
        assert((values.differs >> form & 1) == (size != 0));
        assert(values.secret[form] <= size);
        assert(values.piece_count[form] < SB_HTTP_PIECES_MAX && again.piece_count[form] == 0);
        for (uint32_t i = 0; i < values.piece_count[form]; i++) {
            const struct sb_http_piece *piece = &values.piece[form][i];

            assert(piece->class != SB_WAF_ANY && piece->class < SB_WAF_CLASS_COUNT);
            assert(piece->offset <= size && piece->size <= size - piece->offset);
            assert((piece->name != 0) == (piece->class == SB_WAF_HEADER));
        }
    }
    take(&values);
    take(&again);
}
