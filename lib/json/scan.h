/* scan: one pass over a block of lines that leaves its tokens.
 *
 * A token is a byte of class and a position: the structural characters
 * { } [ ] : , as themselves, the opening quote of a string as '"', the first
 * byte of a number as '0', of any other bare word as itself, and the line feed
 * that ends a line. Of white space and of what is inside strings there is no
 * token. So lines of the same shape leave the same token bytes, whatever their
 * keys and values, and a shape that was proven once need not be proven again.
 *
 * The way of finding quotes, escapes and strings by bit masks is that of
 * Langdale and Lemire, "Parsing Gigabytes of JSON per Second" (2019), section
 * 3.1; the shapes are in the spirit of Li et al., "Mison" (2017).
 *
 * The spelling of plain numbers is checked on the way, by bit masks too. What
 * the pass sees but does not judge it flags per line: escapes to check, bytes
 * that are not ASCII, numbers that are not plain, and faults (a control
 * character in a string, a string that does not end on its line). Thread-safe
 * apart from the choice of the kernel, which the first call makes. */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "base/str.h"

#include <stdint.h>

/* Flags of a line. */
enum {
    SCAN_ESCAPES = 1,   /* has a backslash: its escapes are not checked */
    SCAN_NON_ASCII = 2, /* has bytes above 0x7f: not checked as UTF-8 */
    SCAN_FAULT = 4,     /* is not JSON: a control character in a string, or a
                           string without end */
    SCAN_NUMBERS = 8    /* has a number that is not mere digits with at most
                           one point among them: its spelling is not checked */
};

/* One line's tokens: tok[0 .. n), and where each stands in the block. Behind
 * tok[n] SCAN_TOKENS_PADDING bytes are readable, whatever they say. */
#define SCAN_TOKENS_PADDING 128

struct scan_line {
    const uint8_t *tok;
    const uint32_t *pos;
    uint32_t n;     /* without the line feed's own token */
    uint32_t start; /* first byte of the line in the block */
    uint32_t end;   /* its line feed, or the end of the block */
    unsigned flags;
};

/* Where a line ends: its line feed's token, and the line's flags. */
struct scan_end {
    uint32_t token;
    unsigned flags;
};

/* What a 64-byte step hands to the next one: in_string is all ones or zero,
 * the others are bits: was the last byte a backslash that escapes, part of a
 * bare word, and as such a digit, a point, a minus, a leading zero, something
 * else; and did a fraction's digits go on up to it. */
struct scan_carry {
    uint64_t in_string, escaped, bare;
    uint64_t digit, point, minus, zero, other, fraction;
};

/* Tokens of the lines scanned ahead. */
struct scan {
    uint8_t *tok; /* owned, all three of one capacity */
    uint32_t *pos;
    struct scan_end *ends;
    size_t cap;               /* tokens that fit */
    size_t n, used;           /* tokens there; of those handed out */
    size_t n_ends, used_ends; /* lines there; of those handed out */
    uint32_t at;              /* next byte of the block to scan */
    uint32_t line;            /* first byte of the next line to hand out */
    struct scan_carry carry;
    unsigned flags; /* of the line that is open at `at` */
};

/* Frees what s owns; a zeroed struct scan is ready for use. */
void scan_free(struct scan *s);

/* Forgets all tokens: the block has moved or ended. The next line handed out
 * starts at byte `from` of the new block. */
void scan_restart(struct scan *s, uint32_t from);

/* True if the next line is scanned already: scan_take then hands it out, and
 * scan_next without touching the tokens of the lines before it. */
static inline bool scan_ready(const struct scan *s)
{
    return s->used_ends < s->n_ends;
}

/* The next line, if scan_ready. */
static inline void scan_take(struct scan *s, struct scan_line *line)
{
    struct scan_end e = s->ends[s->used_ends++];
    uint32_t end = s->pos[e.token];
    *line = (struct scan_line){ .tok = s->tok + s->used,
                                .pos = s->pos + s->used,
                                .n = e.token - (uint32_t)s->used,
                                .start = s->line,
                                .end = end,
                                .flags = e.flags };
    s->used = (size_t)e.token + 1;
    s->line = end + 1;
}

/* Hands out the next line of block that is ended by a line feed, or, if last,
 * also the one that the end of the block ends. block.p must be readable for
 * SCAN_PADDING bytes behind block.n. Returns 1 with line filled; 0 if there is
 * no further whole line; -1: no memory. Slices stay valid until the next
 * call. */
int scan_next(struct scan *s, struct str block, bool last,
              struct scan_line *line);

/* Scans block to its end, and keeps the tokens of all lines that are not handed
 * out yet, for scan_next to hand out: it then scans no more, and may do so in
 * another thread. block as above; it may have grown since the last call. 0, or
 * -1: no memory. */
int scan_block(struct scan *s, struct str block);

/* Where the line begins that is behind all whole ones. */
static inline uint32_t scan_open(const struct scan *s)
{
    return s->n_ends ? s->pos[s->ends[s->n_ends - 1].token] + 1 : s->line;
}

#define SCAN_PADDING 64

/* The name of the kernel in use: "avx512", "avx2", "neon" or "scalar".
 * $PIPE_SIMD names one to use, if this machine has it. */
const char *scan_kernel(void);

/* Uses the kernel of this name from now on. False if this build or machine has
 * none. */
bool scan_use(const char *name);

/* ---- for the kernels and their tests ---- */

/* Masks of 64 bytes: bit i is byte i. */
struct scan_masks {
    uint64_t quote, structural, newline; /* structural has line feeds, too */
    uint64_t edge; /* all that is no part of a bare word: structural, blank,
                      tab, carriage return, quote */
    uint64_t digit, zero, point, minus;
    uint64_t rare; /* has a bit where one of these three does: */
    uint64_t backslash, control, high; /* control: without line feeds */
};

/* Scans from s->at until at least one line has ended beyond `goal` bytes, the
 * block is used up, or there is no room for more tokens. */
typedef void scan_run(struct scan *s, const uint8_t *block, uint32_t n,
                      uint32_t goal);

#endif
