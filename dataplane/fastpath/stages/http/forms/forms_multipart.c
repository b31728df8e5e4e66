/* forms_multipart.c: the parts of a multipart body (RFC 7578; RFC 2046, 5.1). Anything that servers
 * read differently is a fault. The parser continues after a fault, and all bytes are in RAW in any
 * case. */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "forms_private.h"

enum { PART_HEADERS_MAX = 16, DASHES = 2 };

struct reader {
    struct sb_http_values *values;
    const uint8_t *begin, *at, *end;
    uint8_t delimiter[DASHES + SB_HTTP_BOUNDARY_MAX];
    uint32_t delimiter_size;
    bool is_whole;
};

struct line {
    const uint8_t *at;
    uint32_t size;
    bool is_ended;
};

static const uint8_t *next_delimiter(struct reader *reader);
static bool is_delimiter(const struct reader *reader, const uint8_t *at);
static bool begin_part(struct reader *reader);
static void add_rest(struct reader *reader, const uint8_t *in);
static bool add_part(struct reader *reader);
static bool read_headers(struct reader *reader);
static struct line next_line(struct reader *reader);
static bool has_file_name(const struct line *line);
static void check_encoding(struct reader *reader, const struct line *line, uint32_t name_size);
static bool is_blank(uint8_t byte);
static void fault(struct reader *reader, enum sb_http_fault which);

void sb_forms_add_parts(struct sb_http_values *values, const uint8_t *boundary,
                        uint32_t boundary_size, const uint8_t *in, uint32_t size, bool is_whole) {
    struct reader reader = {.values = values,
                            .begin = in,
                            .at = in,
                            .end = in + size,
                            .delimiter = "--",
                            .delimiter_size = DASHES + boundary_size,
                            .is_whole = is_whole};
    const uint8_t *first;

    memcpy(reader.delimiter + DASHES, boundary, boundary_size);
    first = next_delimiter(&reader);
    if (first != NULL && first != in) {
        fault(&reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
        sb_forms_value(values, in, (uint32_t)(first - in), &sb_forms_text);
    }
    if (first == NULL) {
        if (is_whole)
            fault(&reader, SB_HTTP_FAULT_MULTIPART_END);
        sb_forms_value(values, in, size, &sb_forms_text);
        return;
    }
    reader.at = first;
    while (begin_part(&reader) && add_part(&reader))
        ;
}

/* The next delimiter at the beginning of a line; NULL: there is none. */
static const uint8_t *next_delimiter(struct reader *reader) {
    const uint8_t *at = reader->at;

    while (at < reader->end) {
        at = memmem(at, (size_t)(reader->end - at), reader->delimiter, reader->delimiter_size);
        if (at == NULL)
            return NULL;
        if (at == reader->begin || at[-1] == '\n') {
            if (is_delimiter(reader, at))
                return at;
            fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
        }
        at++;
    }
    return NULL;
}

/* Whether only dashes, blanks or a line end follow. Otherwise the text is a longer boundary with
 * the same beginning. */
static bool is_delimiter(const struct reader *reader, const uint8_t *at) {
    at += reader->delimiter_size;
    return at == reader->end || *at == '-' || *at == '\r' || *at == '\n' || *at == ' ' ||
           *at == '\t';
}

/* Moves behind the current delimiter. False: it was the last one, or nothing follows. */
static bool begin_part(struct reader *reader) {
    struct line line;

    reader->at += reader->delimiter_size;
    line = next_line(reader);
    if (line.size == 0 && line.is_ended)
        return true;
    /* A line that is not complete can't be judged yet. */
    if (!line.is_ended && !reader->is_whole)
        return false;
    if (line.size >= DASHES && line.at[0] == '-' && line.at[1] == '-') {
        add_rest(reader, line.at + DASHES);
        return false;
    }
    fault(reader, line.is_ended ? SB_HTTP_FAULT_MULTIPART_SYNTAX : SB_HTTP_FAULT_MULTIPART_END);
    return line.is_ended;
}

/* A fault if anything but a line end follows the last delimiter. */
static void add_rest(struct reader *reader, const uint8_t *in) {
    uint32_t size = (uint32_t)(reader->end - in);

    if (size == 0 || (size == 2 && in[0] == '\r' && in[1] == '\n'))
        return;
    fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
    sb_forms_value(reader->values, in, size, &sb_forms_text);
}

/* Adds the part up to the next delimiter. False: there is no further delimiter. */
static bool add_part(struct reader *reader) {
    bool is_file = read_headers(reader);
    const uint8_t *in = reader->at, *next = next_delimiter(reader), *end = next;

    if (next == NULL) {
        if (reader->is_whole)
            fault(reader, SB_HTTP_FAULT_MULTIPART_END);
        end = reader->end;
    } else if (next > in && --end > in && end[-1] == '\r') {
        end--;
    } else if (next > in) {
        fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
    }
    sb_forms_add_guessed(reader->values, in, (uint32_t)(end - in), !is_file);
    reader->at = next;
    return next != NULL;
}

/* Reads the headers of a part. Returns whether the part is a file. */
static bool read_headers(struct reader *reader) {
    bool is_file = false, has_disposition = false;

    for (int i = 0; i <= PART_HEADERS_MAX; i++) {
        struct line line = next_line(reader);
        const uint8_t *colon = line.size == 0 ? NULL : memchr(line.at, ':', line.size);
        uint32_t name_size = colon == NULL ? 0 : (uint32_t)(colon - line.at);

        if (line.size == 0)
            return is_file;
        sb_forms_value(reader->values, line.at, line.size, &sb_forms_header);
        if (!line.is_ended)
            return is_file;
        if (colon == NULL || is_blank(line.at[0]) || (name_size != 0 && is_blank(colon[-1])))
            fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
        if (sb_forms_is(line.at, name_size, "content-disposition")) {
            if (has_disposition)
                fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
            has_disposition = true;
            is_file = has_file_name(&line);
        }
        check_encoding(reader, &line, name_size);
    }
    fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
    return is_file;
}

/* The next line, without CR LF. */
static struct line next_line(struct reader *reader) {
    struct line line = {.at = reader->at};
    const uint8_t *feed = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));

    line.is_ended = feed != NULL;
    if (feed == NULL)
        feed = reader->end;
    line.size = (uint32_t)(feed - line.at);
    reader->at = line.is_ended ? feed + 1 : feed;
    if (line.is_ended && line.size != 0 && feed[-1] == '\r')
        line.size--;
    else if (line.is_ended)
        fault(reader, SB_HTTP_FAULT_MULTIPART_SYNTAX);
    return line;
}

/* Whether a header has the parameter filename= or filename*=. */
static bool has_file_name(const struct line *line) {
    enum { SIZE = 8 };

    for (uint32_t at = 0; at + SIZE < line->size; at++) {
        uint32_t next = at + SIZE;

        if ((line->at[at] | 0x20) != 'f' || !sb_forms_is(line->at + at, SIZE, "filename"))
            continue;
        while (next < line->size && (line->at[next] == '*' || line->at[next] == ' '))
            next++;
        if (next < line->size && line->at[next] == '=')
            return true;
    }
    return false;
}

/* A fault if a part is encoded as base64 or quoted-printable: some servers decode it, others do
 * not. RFC 7578, 4.7, deprecates the header. */
static void check_encoding(struct reader *reader, const struct line *line, uint32_t name_size) {
    const uint8_t *value = line->at + name_size + 1, *end = line->at + line->size;
    uint32_t size;

    if (!sb_forms_is(line->at, name_size, "content-transfer-encoding"))
        return;
    while (value < end && is_blank(*value))
        value++;
    while (value < end && is_blank(end[-1]))
        end--;
    size = (uint32_t)(end - value);
    if (!sb_forms_is(value, size, "7bit") && !sb_forms_is(value, size, "8bit") &&
        !sb_forms_is(value, size, "binary"))
        fault(reader, SB_HTTP_FAULT_MULTIPART_ENCODING);
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

static void fault(struct reader *reader, enum sb_http_fault which) {
    sb_forms_fault(reader->values, which);
}
