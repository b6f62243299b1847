/* format_host: addresses, host names, mail addresses. */
#include "json/utf8.h"
#include "schema/format.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdint.h>
#include <strings.h>

#define LABEL_MAX 63
#define NAME_MAX_BYTES 253
#define UTF8_LABEL_MAX (LABEL_MAX * 4) /* more encode to more than 63 */

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* atext of RFC 5322; with the characters of RFC 6531. */
static bool is_atom(char c, bool idn)
{
    if ((unsigned char)c >= 0x80)
        return idn;
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool is_address(int family, struct str s)
{
    char z[64], out[16];
    if (s.n >= sizeof(z) || memchr(s.p, '\0', s.n))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    return inet_pton(family, z, out) == 1;
}

/* Dot-string: atoms with single dots between them. */
static bool is_dot_string(struct str s, bool idn)
{
    bool atom = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && atom)
            atom = false;
        else if (is_atom(s.p[i], idn))
            atom = true;
        else
            return false;
    }
    return atom;
}

static bool is_quoted_string(struct str s, bool idn)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\\' && i + 2 < s.n)
            c = (unsigned char)s.p[++i];
        else if (c == '"' || c == '\\')
            return false;
        if (c < 0x20 || c == 0x7f || (c > 0x7f && !idn))
            return false;
    }
    return true;
}

bool is_domain(struct str s)
{
    size_t label = 0;
    if (s.n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool edge = label == 0 || i + 1 == s.n || s.p[i + 1] == '.';
        if (c == '.' && label > 0)
            label = 0;
        else if (is_alnum(c) || (c == '-' && !edge))
            label++;
        else
            return false;
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0;
}

/* ---- names in other alphabets ---- */

/* What a domain must know of its labels for the Bidi rule (RFC 5893). */
struct bidi {
    bool right_to_left;  /* some label has such a letter */
    bool starts_a_digit; /* some label begins with a European one */
    bool mixes_digits;   /* some label has European and Arabic ones */
};

/* The letters and Arabic digits that are written from right to left, by the
 * blocks that Unicode keeps for them. */
static bool is_rtl(uint32_t c)
{
    return (c >= 0x590 && c <= 0x8ff && !(c >= 0x6f0 && c <= 0x6f9)) ||
           (c >= 0xfb1d && c <= 0xfdff) || (c >= 0xfe70 && c <= 0xfefe) ||
           (c >= 0x10800 && c <= 0x10fff) || (c >= 0x1e800 && c <= 0x1efff);
}

/* The character at p (UTF-8 that was checked); *n bytes long. */
static uint32_t char_at(const char *p, size_t left, size_t *n)
{
    unsigned char c = (unsigned char)*p;
    size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
    uint32_t u = want == 1 ? c : c & (0x7fu >> want);
    *n = want <= left ? want : left;
    for (size_t i = 1; i < *n; i++)
        u = u << 6 | ((unsigned char)p[i] & 0x3fu);
    return u;
}

static void bidi_note(struct bidi *b, const char *label, size_t n)
{
    bool european = false, arabic = false;
    size_t step;
    for (size_t i = 0; i < n; i += step) {
        uint32_t c = char_at(label + i, n - i, &step);
        bool digit = (c >= '0' && c <= '9') || (c >= 0x6f0 && c <= 0x6f9);
        b->right_to_left |= is_rtl(c);
        b->starts_a_digit |= i == 0 && digit;
        european |= digit;
        arabic |= c >= 0x660 && c <= 0x669;
    }
    b->mixes_digits |= european && arabic;
}

/* Zero width non-joiners (RFC 5892 A.1) are each asked for: the library looks
 * at the first. */
static bool joiners_ok(const char *label, size_t n)
{
    size_t seen = 0, step;
    for (size_t i = 0; i < n; i += step)
        seen += char_at(label + i, n - i, &step) == 0x200c;
    for (size_t i = 0; seen > 1 && i < n; i += step) {
        char part[UTF8_LABEL_MAX + 1];
        uint8_t *out = NULL;
        size_t k = 0;
        if (char_at(label + i, n - i, &step) != 0x200c)
            continue;
        /* The label with this one only. */
        for (size_t j = 0, s; j < n; j += s) {
            bool other = char_at(label + j, n - j, &s) == 0x200c && j != i;
            if (!other) {
                memcpy(part + k, label + j, s);
                k += s;
            }
        }
        part[k] = '\0';
        int r = idn2_register_u8((const uint8_t *)part, NULL, &out, 0);
        idn2_free(out);
        if (r == IDN2_CONTEXTJ)
            return false;
    }
    return true;
}

/* A U-label; *bytes becomes the length of its A-label. */
static bool u_label_ok(struct str s, bool normal, struct bidi *b, size_t *bytes)
{
    char z[UTF8_LABEL_MAX + 1];
    uint8_t *out = NULL;
    if (s.n > UTF8_LABEL_MAX)
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    int r = idn2_register_u8((const uint8_t *)z, NULL, &out,
                             normal ? 0 : IDN2_NFC_INPUT);
    *bytes = r == IDN2_OK ? strlen((const char *)out) : 0;
    idn2_free(out);
    bidi_note(b, s.p, s.n);
    return r == IDN2_OK && *bytes <= LABEL_MAX && joiners_ok(s.p, s.n);
}

/* An A-label: it decodes to a U-label of which it is the encoding. */
static bool a_label_ok(struct str s, struct bidi *b)
{
    char z[LABEL_MAX + 1], *u = NULL;
    uint8_t *out = NULL;
    memcpy(z, s.p, s.n);
    for (size_t i = 0; i < s.n; i++)
        z[i] = z[i] >= 'A' && z[i] <= 'Z' ? (char)(z[i] | 0x20) : z[i];
    z[s.n] = '\0';
    bool ok = idn2_to_unicode_8z8z(z, &u, 0) == IDN2_OK;
    struct str text = ok ? str_of(u) : s;
    size_t bytes = 0;
    bool ascii = true;
    for (size_t i = 0; i < text.n; i++)
        ascii &= (unsigned char)text.p[i] < 0x80;
    ok = ok && !ascii && u_label_ok(text, true, b, &bytes) &&
         idn2_register_u8((const uint8_t *)u, (const uint8_t *)z, &out, 0) ==
             IDN2_OK;
    idn2_free(out);
    idn2_free(u);
    return ok;
}

/* Letters, digits and hyphens, no hyphen at an edge. */
static bool ldh_label_ok(struct str s, struct bidi *b)
{
    if (s.n == 0 || s.n > LABEL_MAX || !is_domain(s))
        return false;
    if (s.n > 4 && strncasecmp(s.p, "xn--", 4) == 0)
        return a_label_ok(s, b);
    bidi_note(b, s.p, s.n);
    return true;
}

/* The dot at p, of any kind: its bytes, or 0. */
static size_t dot_at(const char *p, size_t left, bool idn)
{
    static const char *const dots[] = { "\xe3\x80\x82", "\xef\xbc\x8e",
                                        "\xef\xbd\xa1" };
    if (*p == '.')
        return 1;
    for (size_t i = 0; idn && left >= 3 && i < 3; i++)
        if (memcmp(p, dots[i], 3) == 0)
            return 3;
    return 0;
}

/* Each label, and what they are together. */
static bool labels_ok(struct str s, bool idn, bool normal)
{
    struct bidi b = { 0 };
    size_t total = 0;
    for (size_t i = 0;;) {
        size_t j = i, dot = 0, bytes;
        bool ascii = true;
        while (j < s.n && (dot = dot_at(s.p + j, s.n - j, idn)) == 0)
            ascii &= (unsigned char)s.p[j++] < 0x80;
        struct str label = { s.p + i, j - i };
        bytes = label.n;
        if (ascii ? !ldh_label_ok(label, &b)
                  : !idn || !u_label_ok(label, normal, &b, &bytes))
            return false;
        total += bytes;
        if (j >= s.n)
            break;
        total++;
        i = j + dot;
    }
    return total <= NAME_MAX_BYTES &&
           !(b.right_to_left && (b.starts_a_digit || b.mixes_digits));
}

bool is_hostname(struct str s)
{
    /* Most names have no encoded label. */
    bool encoded = false;
    for (size_t i = 0; i + 4 <= s.n && !encoded; i++)
        encoded = strncasecmp(s.p + i, "xn--", 4) == 0;
    return encoded ? s.n <= NAME_MAX_BYTES && labels_ok(s, false, true)
                   : is_domain(s);
}

bool is_idn_hostname(struct str s, bool normal)
{
    return utf8_valid(s) && !memchr(s.p, '\0', s.n) &&
           s.n <= (size_t)NAME_MAX_BYTES * 4 && labels_ok(s, true, normal);
}

/* ---- mail ---- */

static bool is_mail_host(struct str s, bool idn)
{
    if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return is_domain(s) || (idn && is_idn_hostname(s, false));
    s = (struct str){ s.p + 1, s.n - 2 };
    if (s.n > 5 && strncasecmp(s.p, "IPv6:", 5) == 0)
        return is_address(AF_INET6, (struct str){ s.p + 5, s.n - 5 });
    return is_address(AF_INET, s);
}

bool is_email(struct str s, bool idn)
{
    const char *at = s.n ? memrchr(s.p, '@', s.n) : NULL;
    if (!at || at - s.p > 64)
        return false;
    struct str local = { s.p, (size_t)(at - s.p) };
    struct str host = { at + 1, s.n - local.n - 1 };
    return (is_dot_string(local, idn) || is_quoted_string(local, idn)) &&
           is_mail_host(host, idn);
}
