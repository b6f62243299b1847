/* words: a cursor over the text of an option, for languages of few words.
 *
 * Mistakes are ERR_USAGE with a caret below the byte (expr/caret.h). Each
 * function skips white space first, but for words_string. */
#ifndef QUALITY_WORDS_H
#define QUALITY_WORDS_H

#include "base/buf.h"
#include "base/decimal.h"
#include "base/err.h"
#include "json/path.h"

struct words {
    const char *what;    /* the option, in messages */
    struct str text;     /* all of it: bytes are counted in it */
    const char *p, *end; /* what is left */
    struct err *e;
};

/* Says what is wrong at a byte of the text; returns -1. */
int words_wrong(struct words *w, const char *at, const char *why);

void words_space(struct words *w);

/* Takes the keyword or sign (lower case), if it stands here as a whole word. */
bool words_take(struct words *w, const char *keyword);

/* The same, or an error. */
int words_expect(struct words *w, const char *keyword);

/* Reads a field: a path (json/path.h) up to a space, comma, parenthesis or
 * sign; names in it may be quoted as in expressions. 0 or -1. */
int words_path(struct words *w, struct path *path);

/* Reads a JSON number, with '%' behind it a hundredth of it. 0 or -1. */
int words_number(struct words *w, struct decimal *d, bool *percent);

/* Reads '...', a quote within doubled, and appends its characters. The cursor
 * is at the quote. */
int words_string(struct words *w, struct buf *out);

#endif
