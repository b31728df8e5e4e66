/* forms_text.h: what encodings are undone in one value, byte by byte; which value of a request gets
 * which of them is decided in forms.c. No function writes more than it has read: out has room for
 * size bytes.
 */
#ifndef SB_FORMS_TEXT_H
#define SB_FORMS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum sb_text_trait { /* bits: what a text has in it */
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

/* A copy; each byte that is `from` becomes `to`. Returns the traits of what was read. */
uint32_t sb_text_copy(const uint8_t *in, uint32_t size, uint8_t *out, uint8_t from, uint8_t to);

/* %XX undone once, and with plus also `+`, a blank (RFC 3986, 2.1; HTML, "urlencoded parsing");
 * what is no escape stays. Returns the size. */
uint32_t sb_text_decode(const uint8_t *in, uint32_t size, uint8_t *out, bool plus);

/* A value as the most lenient reader has it: %XX and %uXXXX until there are none, ASCII in overlong
 * UTF-8, full-width forms (U+FF01 to U+FF5E) as ASCII, character references of HTML, control
 * bytes but tabs and CR as blanks, no NUL, and with plus `+` as a blank. All this again while it
 * changes anything, SB_TEXT_ROUNDS_MAX times: an escape can be put together from what another one
 * stood for. has_changed: whether a byte differs. in may be out. Returns the size. */
uint32_t sb_text_fold(const uint8_t *in, uint32_t size, uint8_t *out, bool plus, bool *has_changed);

/* Escapes of JSON strings (RFC 8259, 7) undone; others stay. Returns the size. */
uint32_t sb_text_unescape(const uint8_t *in, uint32_t size, uint8_t *out);

/* The character references in a text (HTML, "named character references": those of ASCII
 * punctuation, and numbers) undone once, in place. Returns the size. */
uint32_t sb_text_dereference(uint8_t *text, uint32_t size);

/* One character in UTF-8: at most 3 bytes, 4 from 0x10000 on. Returns the size. */
uint32_t sb_text_put(uint8_t *out, uint32_t character);

/* The value of a hexadecimal digit; SB_TEXT_NOT_HEX: it is none. */
static inline uint32_t sb_text_hex(uint8_t digit) {
    uint32_t letter = digit | 0x20;

    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : SB_TEXT_NOT_HEX;
}

#endif
