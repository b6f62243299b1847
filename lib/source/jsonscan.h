/* jsonscan: where does a JSON value end, seen block by block?
 *
 * Follows strings and brackets only; whether the value is correct is for
 * json_check. Needs no more memory than itself, at any length of the value.
 * Not for white space around the value. */
#ifndef SOURCE_JSONSCAN_H
#define SOURCE_JSONSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONSCAN_DEPTH 65536

struct jsonscan {
    enum {
        JSONSCAN_START,
        JSONSCAN_WORD,
        JSONSCAN_STRING,
        JSONSCAN_ESCAPE,
        JSONSCAN_INSIDE
    } state;
    uint64_t depth;                     /* open brackets */
    uint64_t newlines;                  /* LF seen */
    bool broken_lines;                  /* LF or CR seen outside strings */
    uint8_t arrays[JSONSCAN_DEPTH / 8]; /* which of them are arrays */
};

enum jsonscan_found {
    JSONSCAN_MORE,  /* all n bytes belong to the value, and it goes on */
    JSONSCAN_END,   /* *used bytes end it */
    JSONSCAN_BROKEN /* the bracket behind *used bytes closes what was not
                       opened so */
};

/* Prepares for a value that starts with the first byte scanned next. */
void jsonscan_start(struct jsonscan *s);

/* Scans n more bytes. A word (number, true, false, null) ends before the first
 * byte that cannot belong to one: at the end of the input MORE may mean END
 * for it (jsonscan_is_word). */
enum jsonscan_found jsonscan_run(struct jsonscan *s, const char *p, size_t n,
                                 size_t *used);

bool jsonscan_is_word(const struct jsonscan *s);

#endif
