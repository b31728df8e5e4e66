/* forms_run.c: takes a request apart for tests, which say where its parts are. */
#include <stdlib.h>
#include <string.h>

#include "stages/http/forms/forms.h"

typedef int head_function(struct sb_http_values *values, const struct sb_http_message *message,
                          const uint8_t *bytes);
typedef int body_function(struct sb_http_values *values, const struct sb_http_message *message,
                          const uint8_t *bytes, const uint8_t *content, uint32_t size,
                          bool is_whole);

/* As ctypes has it. */
struct request {
    const uint8_t *bytes;
    uint32_t head_size;
    struct sb_http_span method, path, query, boundary;
    uint32_t content; /* enum sb_http_content */
    uint32_t header_count, trailer_count;
    const struct sb_http_span *spans; /* name and value of each header, then of each trailer */
};

struct sb_http_values *values_create(uint32_t capacity, uint32_t classes);
void values_destroy(struct sb_http_values *values);
const uint8_t *values_text(const struct sb_http_values *values, uint32_t form, uint32_t *size);
uint32_t values_differs(const struct sb_http_values *values);
uint32_t values_secret(const struct sb_http_values *values, uint32_t form);
uint64_t values_faults(const struct sb_http_values *values);
const struct sb_http_piece *values_pieces(const struct sb_http_values *values, uint32_t form,
                                          uint32_t *count);
int run_head(head_function *function, struct sb_http_values *values, const struct request *request,
             uint32_t times);
int run_body(body_function *function, struct sb_http_values *values, const struct request *request,
             const uint8_t *content, uint32_t size, bool is_whole);

struct sb_http_values *values_create(uint32_t capacity, uint32_t classes) {
    struct sb_http_values *values = malloc(sizeof(*values));

    memset(values, 0xa5, sizeof(*values));
    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++)
        values->text[form] = malloc(capacity);
    values->capacity = capacity;
    values->classes = classes;
    return values;
}

void values_destroy(struct sb_http_values *values) {
    for (int form = 0; form < SB_HTTP_FORM_COUNT; form++)
        free(values->text[form]);
    free(values);
}

const uint8_t *values_text(const struct sb_http_values *values, uint32_t form, uint32_t *size) {
    *size = values->size[form];
    return values->text[form];
}

uint32_t values_differs(const struct sb_http_values *values) {
    return values->differs;
}

uint32_t values_secret(const struct sb_http_values *values, uint32_t form) {
    return values->secret[form];
}

uint64_t values_faults(const struct sb_http_values *values) {
    return values->faults;
}

const struct sb_http_piece *values_pieces(const struct sb_http_values *values, uint32_t form,
                                          uint32_t *count) {
    *count = values->piece_count[form];
    return values->piece[form];
}

static void fill(struct sb_http_message *message, const struct request *request) {
    const struct sb_http_span *span = request->spans;

    memset(message, 0, sizeof(*message));
    message->head_size = request->head_size;
    message->method = request->method;
    message->path = request->path;
    message->query = request->query;
    message->boundary = request->boundary;
    message->content = (uint8_t)request->content;
    message->header_count = (uint16_t)request->header_count;
    message->trailer_count = (uint8_t)request->trailer_count;
    for (uint32_t i = 0; i < request->header_count; i++, span += 2)
        message->header[i] =
            (struct sb_http_header){(uint16_t)span[0].offset, (uint16_t)span[0].size,
                                    (uint16_t)span[1].offset, (uint16_t)span[1].size};
    for (uint32_t i = 0; i < request->trailer_count; i++, span += 2)
        message->trailer[i] = (struct sb_http_trailer){span[0], span[1]};
}

/* In an allocation of exactly its size, so that AddressSanitizer sees what is read beyond it. */
static uint8_t *copied(const uint8_t *bytes, uint32_t size) {
    uint8_t *copy = malloc(size);

    memcpy(copy, bytes, size);
    return copy;
}

int run_head(head_function *function, struct sb_http_values *values, const struct request *request,
             uint32_t times) {
    static struct sb_http_message message;
    uint8_t *bytes = copied(request->bytes, request->head_size);
    int error = 0;

    fill(&message, request);
    for (uint32_t i = 0; i < times; i++)
        error = function(values, &message, bytes);
    free(bytes);
    return error;
}

int run_body(body_function *function, struct sb_http_values *values, const struct request *request,
             const uint8_t *content, uint32_t size, bool is_whole) {
    static struct sb_http_message message;
    uint8_t *copy = copied(content, size);
    int error;

    fill(&message, request);
    error = function(values, &message, request->bytes, copy, size, is_whole);
    free(copy);
    return error;
}
