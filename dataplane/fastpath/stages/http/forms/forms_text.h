/* forms_text.h: decoding of single values, byte by byte. forms.c decides which value of a request
 * is decoded in which way. No function writes more bytes than it reads: out has room for size
 * bytes.
 */
#ifndef SB_FORMS_TEXT_H
#define SB_FORMS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum sb_text_trait { /* bits: characters that a text contains */
                     SB_TEXT_PERCENT = 1 << 0,
                     SB_TEXT_PLUS = 1 << 1,
                     SB_TEXT_AMPERSAND = 1 << 2,
                     SB_TEXT_BACKSLASH = 1 << 3,
                     SB_TEXT_SEMICOLON = 1 << 4,
                     SB_TEXT_HIGH = 1 << 5,    /* a byte from 0x80 on */
                     SB_TEXT_CONTROL = 1 << 6, /* a byte below 0x20 */
                     SB_TEXT_DOT = 1 << 7
};

enum {
    SB_TEXT_ROUNDS_MAX = 4,     /* of sb_text_fold */
    SB_TEXT_NAME_SIZE_MAX = 16, /* of a character reference */
    SB_TEXT_NOT_HEX = 0xff
};

/* Bits of enum sb_text_trait. */
uint32_t sb_text_traits(const uint8_t *in, uint32_t size);

/* Copies the text and replaces each byte `from` by `to`. Returns the traits of the input. */
uint32_t sb_text_copy(const uint8_t *in, uint32_t size, uint8_t *out, uint8_t from, uint8_t to);

/* Decodes %XX once, and with plus also + to a blank (RFC 3986, 2.1; HTML, "urlencoded parsing").
 * Invalid escapes stay. Returns the size. */
uint32_t sb_text_decode(const uint8_t *in, uint32_t size, uint8_t *out, bool plus);

/* The value as the most lenient reader reads it: decodes %XX and %uXXXX repeatedly, ASCII in
 * overlong UTF-8, full-width forms (U+FF01 to U+FF5E) to ASCII, and character references of HTML;
 * control bytes except tab and CR become blanks, NUL is removed, and with plus + becomes a blank.
 * Repeats all this while it changes anything, at most SB_TEXT_ROUNDS_MAX times, because the result
 * of one escape can be part of another. has_changed: whether any byte differs. in may be out.
 * Returns the size. */
uint32_t sb_text_fold(const uint8_t *in, uint32_t size, uint8_t *out, bool plus, bool *has_changed);

/* Decodes the escapes of JSON strings (RFC 8259, 7); invalid ones stay. Returns the size. */
uint32_t sb_text_unescape(const uint8_t *in, uint32_t size, uint8_t *out);

/* Decodes the character references in a text once, in place (HTML, "named character references":
 * those of ASCII punctuation, and numbers). Returns the size. */
uint32_t sb_text_dereference(uint8_t *text, uint32_t size);

/* Writes one character in UTF-8: at most 3 bytes, 4 from 0x10000 on. Returns the size. */
uint32_t sb_text_put(uint8_t *out, uint32_t character);

/* The value of a hexadecimal digit; SB_TEXT_NOT_HEX: the byte is no such digit. */
static inline uint32_t sb_text_hex(uint8_t digit) {
    uint32_t letter = digit | 0x20;

    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : SB_TEXT_NOT_HEX;
}

#endif
