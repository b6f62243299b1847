/* jsontext: JSON text between its values, and over values that nobody wants.
 *
 * A view on an input that counts lines. What is passed over takes no memory,
 * at any length; of its grammar only strings, brackets and words are looked
 * at. Not thread-safe. */
#ifndef SOURCE_JSONTEXT_H
#define SOURCE_JSONTEXT_H

#include "source/jsonscan.h"
#include "source/sight.h"

struct jsontext {
    struct sight w;
    uint64_t line;   /* of the sight's first byte */
    const char *uri; /* borrowed: for messages */
    struct jsonscan scan;
};

/* Looks at the input's first bytes (a byte order mark is dropped). in and uri
 * are borrowed. 0 or -1. */
int jsontext_open(struct jsontext *t, struct input *in, const char *uri,
                  struct err *e);
void jsontext_close(struct jsontext *t); /* also after a failed open */

/* Drops n bytes that hold so many line feeds. */
void jsontext_drop(struct jsontext *t, size_t n, uint64_t newlines);

/* Drops white space; 1 if a byte is there, 0 at the end, -1. */
int jsontext_space(struct jsontext *t, struct err *e);

/* The same where something has to follow: 0; -1 also at the end. */
int jsontext_expect(struct jsontext *t, struct err *e);

/* Drops the value that starts with the byte at hand. 0 or -1. */
int jsontext_skip(struct jsontext *t, struct err *e);

/* Drops a string of at most max bytes, quotes included, which starts at hand;
 * *raw is its text with the escapes as written, borrowed until the next call
 * of jsontext_*. 0 or -1. */
int jsontext_string(struct jsontext *t, size_t max, struct str *raw,
                    struct err *e);

/* ERR_DATA: the scan found a bracket, behind n bytes at hand, that closes what
 * was not opened so. They are dropped. */
int jsontext_mismatch(struct jsontext *t, size_t n, struct err *e);

/* ERR_DATA: no JSON at the byte at hand; the input ends inside a document. */
int jsontext_broken(const struct jsontext *t, const char *what, struct err *e);
int jsontext_truncated(const struct jsontext *t, struct err *e);

#endif
