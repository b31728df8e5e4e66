/* forms_escapes.c: escapes that do not nest: character references of HTML and escapes of JSON; and
 * the encoding of characters in UTF-8. See forms_text.h. */
#include <string.h>

#include "forms_text.h"

enum { CHARACTER_MAX = 0x10ffff, SURROGATES = 0xd800, SURROGATES_LOW = 0xdc00, BEYOND = 0xe000 };
enum { NOTHING = UINT32_MAX };

struct name {
    char name[SB_TEXT_NAME_SIZE_MAX];
    uint8_t size;
    uint8_t character;
    bool needs_end; /* only with a semicolon */
};

enum { NAME_COUNT = 44 };

/* HTML, "named character references": those of ASCII other than letters and digits, sorted. */
static const struct name NAMES[NAME_COUNT] = {
    {"AMP", 3, '&', false},   {"GT", 2, '>', false},      {"Hat", 3, '^', true},
    {"LT", 2, '<', false},    {"NewLine", 7, '\n', true}, {"QUOT", 4, '"', false},
    {"Tab", 3, '\t', true},   {"UnderBar", 8, '_', true}, {"amp", 3, '&', false},
    {"apos", 4, '\'', true},  {"ast", 3, '*', true},      {"bsol", 4, '\\', true},
    {"colon", 5, ':', true},  {"comma", 5, ',', true},    {"commat", 6, '@', true},
    {"dollar", 6, '$', true}, {"equals", 6, '=', true},   {"excl", 4, '!', true},
    {"grave", 5, '`', true},  {"gt", 2, '>', false},      {"lbrace", 6, '{', true},
    {"lbrack", 6, '[', true}, {"lcub", 4, '{', true},     {"lowbar", 6, '_', true},
    {"lpar", 4, '(', true},   {"lsqb", 4, '[', true},     {"lt", 2, '<', false},
    {"midast", 6, '*', true}, {"nbsp", 4, ' ', false},    {"num", 3, '#', true},
    {"percnt", 6, '%', true}, {"period", 6, '.', true},   {"plus", 4, '+', true},
    {"quest", 5, '?', true},  {"quot", 4, '"', false},    {"rbrace", 6, '}', true},
    {"rbrack", 6, ']', true}, {"rcub", 4, '}', true},     {"rpar", 4, ')', true},
    {"rsqb", 4, ']', true},   {"semi", 4, ';', true},     {"sol", 3, '/', true},
    {"verbar", 6, '|', true}, {"vert", 4, '|', true},
};

/* By first letter: index of its first name, plus 1. */
static const uint8_t FIRST[256] = {
    ['A'] = 1,  ['G'] = 2,  ['H'] = 3,  ['L'] = 4,  ['N'] = 5,  ['Q'] = 6,  ['T'] = 7,  ['U'] = 8,
    ['a'] = 9,  ['b'] = 12, ['c'] = 13, ['d'] = 16, ['e'] = 17, ['g'] = 19, ['l'] = 21, ['m'] = 28,
    ['n'] = 29, ['p'] = 31, ['q'] = 34, ['r'] = 36, ['s'] = 41, ['v'] = 43};

static uint32_t reference(const uint8_t *in, uint32_t size, uint32_t *character);
static uint32_t reference_by_number(const uint8_t *in, uint32_t size, uint32_t *character);
static uint32_t escape(const uint8_t *in, uint32_t size, uint8_t *out, uint32_t *read);
static uint32_t unit(const uint8_t *in, uint32_t size);

uint32_t sb_text_put(uint8_t *out, uint32_t character) {
    if (character < 0x80) {
        out[0] = (uint8_t)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (uint8_t)(0xc0 | character >> 6);
        out[1] = (uint8_t)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (uint8_t)(0xe0 | character >> 12);
        out[1] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (character & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | character >> 18);
    out[1] = (uint8_t)(0x80 | (character >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (character >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (character & 0x3f));
    return 4;
}

uint32_t sb_text_dereference(uint8_t *text, uint32_t size) {
    uint32_t at = 0, to = 0;

    while (at < size) {
        const uint8_t *sign = memchr(text + at, '&', size - at);
        uint32_t plain = sign == NULL ? size - at : (uint32_t)(sign - (text + at));
        uint32_t character, read;

        memmove(text + to, text + at, plain);
        at += plain, to += plain;
        if (at == size)
            break;
        read = reference(text + at, size - at, &character);
        if (read == 0)
            text[to++] = text[at++];
        else
            to += sb_text_put(text + to, character), at += read;
    }
    return to;
}

/* Size in bytes of the reference that begins here; 0: none begins here. */
static uint32_t reference(const uint8_t *in, uint32_t size, uint32_t *character) {
    uint32_t letter = size >= 2 ? in[1] : 0;

    if (letter == '#')
        return reference_by_number(in, size, character);
    for (uint32_t i = FIRST[letter]; i != 0 && i <= NAME_COUNT; i++) {
        const struct name *name = &NAMES[i - 1];
        uint32_t end = 1 + name->size;

        if (name->name[0] != (char)letter)
            return 0;
        if (end > size || memcmp(name->name, in + 1, name->size) != 0)
            continue;
        *character = name->character;
        if (end < size && in[end] == ';')
            return end + 1;
        /* HTML, "named character reference state": without a semicolon, it is no reference before a
         * =. */
        if (!name->needs_end && !(end < size && in[end] == '='))
            return end;
    }
    return 0;
}

/* HTML, "numeric character reference state": the semicolon may be missing. */
static uint32_t reference_by_number(const uint8_t *in, uint32_t size, uint32_t *character) {
    bool is_hex = size >= 3 && (in[2] | 0x20) == 'x';
    uint32_t at = is_hex ? 3 : 2, first = at, base = is_hex ? 16 : 10, digit, value = 0;

    for (; at < size && (digit = sb_text_hex(in[at])) < base; at++)
        value = value > CHARACTER_MAX ? value : value * base + digit;
    if (at == first || value > CHARACTER_MAX || (value >= SURROGATES && value < BEYOND))
        return 0;
    *character = value;
    return at + (at < size && in[at] == ';');
}

uint32_t sb_text_unescape(const uint8_t *in, uint32_t size, uint8_t *out) {
    uint32_t at = 0, to = 0;

    while (at < size) {
        const uint8_t *sign = memchr(in + at, '\\', size - at);
        uint32_t plain = sign == NULL ? size - at : (uint32_t)(sign - (in + at));
        uint32_t read = 0;

        memcpy(out + to, in + at, plain);
        at += plain, to += plain;
        if (at == size)
            break;
        to += escape(in + at, size - at, out + to, &read);
        at += read;
    }
    return to;
}

/* Writes the character of the escape that begins here, or the byte itself if none begins here. */
static uint32_t escape(const uint8_t *in, uint32_t size, uint8_t *out, uint32_t *read) {
    static const uint8_t PLAIN[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
    uint32_t character = unit(in, size), low;

    if (character != NOTHING) {
        *read = 6;
        low = unit(in + 6, size - 6);
        if (character >= SURROGATES && character < SURROGATES_LOW && low != NOTHING &&
            low >= SURROGATES_LOW && low < BEYOND) {
            *read = 12;
            character = 0x10000 + ((character - SURROGATES) << 10) + (low - SURROGATES_LOW);
        }
        return sb_text_put(out, character);
    }
    *read = size >= 2 && PLAIN[in[1]] != 0 ? 2 : 1;
    out[0] = *read == 2 ? PLAIN[in[1]] : in[0];
    return 1;
}

/* The code unit of a \uXXXX that begins here; NOTHING: none begins here. */
static uint32_t unit(const uint8_t *in, uint32_t size) {
    uint32_t value = 0;

    if (size < 6 || in[0] != '\\' || in[1] != 'u')
        return NOTHING;
    for (uint32_t i = 2; i < 6; i++) {
        uint32_t digit = sb_text_hex(in[i]);

        if (digit == SB_TEXT_NOT_HEX)
            return NOTHING;
        value = value << 4 | digit;
    }
    return value;
}
