/* forms_text.c: see forms_text.h. */
#include "forms_text.h"

#include <string.h>
#include <tmmintrin.h>

enum { STEP = 16, FULL_WIDTH = 0xff01, FULL_WIDTH_LAST = 0xff5e /* U+FF01 is ! */ };

/* The output of decoding. It works as a stack: when the last byte of an escape arrives, the escape
 * is removed from the end, and its character may in turn be the last byte of another escape. */
struct sink {
    uint8_t *text;
    uint32_t size;
    uint32_t percent; /* offset of the last %; far from the end: no escape is open */
    bool plus, has_changed;
};

static __m128i load_short(const uint8_t *in, uint32_t size);
static __m128i class_of(__m128i bytes);
static uint32_t bits_of(__m128i classes);
static uint32_t specials(__m128i bytes);
static uint32_t undo_escapes(const uint8_t *in, uint32_t size, struct sink *sink);
static void push(struct sink *sink, uint8_t byte);
static int completed(struct sink *sink, uint8_t byte);
static int completed_hex(struct sink *sink, uint8_t byte);
static int completed_utf8(struct sink *sink, uint8_t byte);

/* The class of a byte is the bitwise AND of the entries for its high and its low four bits. */
static __m128i class_of(__m128i bytes) {
    const uint8_t all = SB_TEXT_HIGH | SB_TEXT_CONTROL;
    const __m128i low = _mm_setr_epi8(
        (char)all, (char)all, (char)all, (char)all, (char)all, (char)(all | SB_TEXT_PERCENT),
        (char)(all | SB_TEXT_AMPERSAND), (char)all, (char)all, (char)all, (char)all,
        (char)(all | SB_TEXT_PLUS | SB_TEXT_SEMICOLON), (char)(all | SB_TEXT_BACKSLASH), (char)all,
        (char)(all | SB_TEXT_DOT), (char)all);
    const __m128i high = _mm_setr_epi8(
        SB_TEXT_CONTROL, SB_TEXT_CONTROL,
        (char)(SB_TEXT_PERCENT | SB_TEXT_PLUS | SB_TEXT_AMPERSAND | SB_TEXT_DOT), SB_TEXT_SEMICOLON,
        0, SB_TEXT_BACKSLASH, 0, 0, SB_TEXT_HIGH, SB_TEXT_HIGH, SB_TEXT_HIGH, SB_TEXT_HIGH,
        SB_TEXT_HIGH, SB_TEXT_HIGH, SB_TEXT_HIGH, SB_TEXT_HIGH);
    const __m128i digit = _mm_set1_epi8(15);

    return _mm_and_si128(_mm_shuffle_epi8(low, _mm_and_si128(bytes, digit)),
                         _mm_shuffle_epi8(high, _mm_and_si128(_mm_srli_epi16(bytes, 4), digit)));
}

static uint32_t bits_of(__m128i classes) {
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_or_si128(classes, _mm_srli_si128(classes, 8)));

    both |= both >> 32;
    both |= both >> 16;
    return (uint32_t)(both | both >> 8) & 0xff;
}

/* Loads fewer than STEP bytes without reading beyond them; letters fill the rest. */
static __m128i load_short(const uint8_t *in, uint32_t size) {
    uint8_t bytes[STEP];

    memset(bytes, 'a', STEP);
    memcpy(bytes, in, size);
    return _mm_loadu_si128((const __m128i *)bytes);
}

uint32_t sb_text_traits(const uint8_t *in, uint32_t size) {
    __m128i found = _mm_setzero_si128();
    uint32_t at = 0;

    for (; at + STEP <= size; at += STEP)
        found = _mm_or_si128(found, class_of(_mm_loadu_si128((const __m128i *)(in + at))));
    if (at < size)
        found = _mm_or_si128(found, class_of(load_short(in + at, size - at)));
    return bits_of(found);
}

uint32_t sb_text_copy(const uint8_t *in, uint32_t size, uint8_t *out, uint8_t from, uint8_t to) {
    const __m128i old = _mm_set1_epi8((char)from), change = _mm_set1_epi8((char)(from ^ to));
    __m128i found = _mm_setzero_si128();
    uint32_t at = 0;

    for (; at + STEP <= size; at += STEP) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(in + at));
        __m128i changed = _mm_and_si128(_mm_cmpeq_epi8(bytes, old), change);

        found = _mm_or_si128(found, class_of(bytes));
        _mm_storeu_si128((__m128i *)(out + at), _mm_xor_si128(bytes, changed));
    }
    if (at < size)
        found = _mm_or_si128(found, class_of(load_short(in + at, size - at)));
    for (; at < size; at++)
        out[at] = in[at] == from ? to : in[at];
    return bits_of(found);
}

uint32_t sb_text_decode(const uint8_t *in, uint32_t size, uint8_t *out, bool plus) {
    const __m128i percents = _mm_set1_epi8('%'), pluses = _mm_set1_epi8(plus ? '+' : '%');
    uint32_t at = 0, to = 0;

    while (at < size) {
        if (at + STEP <= size) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(in + at));
            uint32_t mask = (uint32_t)_mm_movemask_epi8(
                _mm_or_si128(_mm_cmpeq_epi8(bytes, percents), _mm_cmpeq_epi8(bytes, pluses)));
            uint32_t plain = mask == 0 ? STEP : (uint32_t)__builtin_ctz(mask);

            _mm_storeu_si128((__m128i *)(out + to), bytes);
            at += plain, to += plain;
            if (mask == 0)
                continue;
        }
        if (in[at] == '%' && at + 2 < size && sb_text_hex(in[at + 1]) != SB_TEXT_NOT_HEX &&
            sb_text_hex(in[at + 2]) != SB_TEXT_NOT_HEX) {
            out[to++] = (uint8_t)(sb_text_hex(in[at + 1]) << 4 | sb_text_hex(in[at + 2]));
            at += 3;
        } else {
            out[to++] = plus && in[at] == '+' ? ' ' : in[at];
            at++;
        }
    }
    return to;
}

uint32_t sb_text_fold(const uint8_t *in, uint32_t size, uint8_t *out, bool plus,
                      bool *has_changed) {
    struct sink sink = {.text = out, .plus = plus};

    size = undo_escapes(in, size, &sink);
    for (int round = 1; round < SB_TEXT_ROUNDS_MAX; round++) {
        uint32_t left = sb_text_dereference(out, size);

        if (left == size)
            break;
        sink.has_changed = true;
        sink.size = 0;
        size = undo_escapes(out, left, &sink);
    }
    *has_changed = sink.has_changed;
    return size;
}

/* Which bytes push() must handle, apart from the last bytes of an escape. The comparison is signed,
 * so bytes from 0x80 on are less than a blank. */
static uint32_t specials(__m128i bytes) {
    __m128i signs = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('%')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('+')));

    return (uint32_t)_mm_movemask_epi8(
        _mm_or_si128(signs, _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))));
}

static uint32_t undo_escapes(const uint8_t *in, uint32_t size, struct sink *sink) {
    enum { ESCAPE_SIZE_MAX = 6 };
    uint32_t at = 0;

    sink->percent = UINT32_MAX;
    while (at < size) {
        if (at + STEP <= size &&
            (sink->percent == UINT32_MAX || sink->size >= sink->percent + ESCAPE_SIZE_MAX)) {
            __m128i bytes = _mm_loadu_si128((const __m128i *)(in + at));
            uint32_t mask = specials(bytes),
                     plain = mask == 0 ? STEP : (uint32_t)__builtin_ctz(mask);

            /* If in is out, a store of STEP bytes could overwrite bytes that are not read yet. */
            if (mask == 0)
                _mm_storeu_si128((__m128i *)(sink->text + sink->size), bytes);
            else
                memmove(sink->text + sink->size, in + at, plain);
            sink->size += plain;
            at += plain;
            if (mask == 0)
                continue;
        }
        push(sink, in[at++]);
    }
    return sink->size;
}

static void push(struct sink *sink, uint8_t byte) {
    for (int next = byte; next >= 0;)
        next = completed(sink, (uint8_t)next);
}

/* Appends a byte and returns -1, or removes the escape that the byte completes and returns the
 * character of the escape. */
static int completed(struct sink *sink, uint8_t byte) {
    if (byte == 0) {
        sink->has_changed = true;
        return -1;
    }
    if ((byte < ' ' && byte != '\t' && byte != '\r') || (byte == '+' && sink->plus)) {
        sink->has_changed = true;
        byte = ' ';
    }
    if (sb_text_hex(byte) != SB_TEXT_NOT_HEX)
        return completed_hex(sink, byte);
    if (byte >= 0x80 && byte < 0xc0)
        return completed_utf8(sink, byte);
    if (byte == '%')
        sink->percent = sink->size;
    sink->text[sink->size++] = byte;
    return -1;
}

/* %XX, and %uXXXX (ECMAScript, B.2.1.2). */
static int completed_hex(struct sink *sink, uint8_t byte) {
    uint8_t *end = sink->text + sink->size;
    uint32_t digit = sb_text_hex(byte), high, character = 0;

    if (sink->size >= 2 && end[-2] == '%' && sb_text_hex(end[-1]) != SB_TEXT_NOT_HEX) {
        high = sb_text_hex(end[-1]);
        sink->size -= 2;
        sink->has_changed = true;
        return (int)(high << 4 | digit);
    }
    if (sink->size >= 5 && end[-5] == '%' && (end[-4] | 0x20) == 'u' &&
        sb_text_hex(end[-3]) != SB_TEXT_NOT_HEX && sb_text_hex(end[-2]) != SB_TEXT_NOT_HEX &&
        sb_text_hex(end[-1]) != SB_TEXT_NOT_HEX) {
        character = sb_text_hex(end[-3]) << 12 | sb_text_hex(end[-2]) << 8 |
                    sb_text_hex(end[-1]) << 4 | digit;
        sink->size -= 5;
        sink->has_changed = true;
        if (character >= FULL_WIDTH && character <= FULL_WIDTH_LAST)
            character -= FULL_WIDTH - '!';
        if (character < 0x80)
            return (int)character;
        sink->size += sb_text_put(end - 5, character);
        return -1;
    }
    end[0] = byte;
    sink->size++;
    return -1;
}

/* ASCII in two, three or four bytes (invalid according to RFC 3629, 3), and full-width ASCII. */
static int completed_utf8(struct sink *sink, uint8_t byte) {
    uint8_t *end = sink->text + sink->size, last = sink->size >= 1 ? end[-1] : 0;
    uint32_t low = byte & 0x3f, taken = 0, character = 0;

    if (last == 0xc0 || last == 0xc1)
        taken = 1, character = (last & 1u) << 6 | low;
    else if (sink->size >= 2 && end[-2] == 0xe0 && (last == 0x80 || last == 0x81))
        taken = 2, character = (last & 1u) << 6 | low;
    else if (sink->size >= 3 && end[-3] == 0xf0 && end[-2] == 0x80 &&
             (last == 0x80 || last == 0x81))
        taken = 3, character = (last & 1u) << 6 | low;
    else if (sink->size >= 2 && end[-2] == 0xef && last == 0xbc && low >= 1)
        taken = 2, character = 0x20 + low;
    else if (sink->size >= 2 && end[-2] == 0xef && last == 0xbd && low <= 0x1e)
        taken = 2, character = 0x60 + low;
    if (taken == 0) {
        end[0] = byte;
        sink->size++;
        return -1;
    }
    sink->size -= taken;
    sink->has_changed = true;
    return (int)character;
}
