/* form: what the values at one place of the records look like. Internal to
 * lib/evolve (infer). */
#ifndef EVOLVE_FORM_H
#define EVOLVE_FORM_H

#include "base/arena.h"
#include "evolve/infer.h"
#include "json/value.h"

#include <stdint.h>

enum {
    FORM_NULL = 1,
    FORM_BOOLEAN = 2,
    FORM_INTEGER = 4,  /* a number written without point and exponent */
    FORM_FRACTION = 8, /* any other number */
    FORM_STRING = 16,
    FORM_ARRAY = 32,
    FORM_OBJECT = 64
};

/* Formats that strings may all have, as bits, by their place here. */
#define FORM_FORMATS 7
extern const char *const form_formats[FORM_FORMATS];

#define FORM_NUMBER_BYTES 40

struct form_number {
    char text[FORM_NUMBER_BYTES];
    uint8_t n; /* 0: none yet */
};

struct word {
    char text[INFER_WORD_BYTES];
    uint8_t n;
};

struct form_member {
    struct str key; /* characters */
    struct form *form;
    uint64_t present; /* objects that have it */
    uint64_t last;    /* the last of them, so that duplicates count once */
};

struct form_object {
    uint64_t objects;
    struct form_member *members; /* in order of appearance */
    uint32_t n, cap;
    uint32_t *slots; /* index + 1, open addressing */
    uint32_t n_slots;
    struct form *rest; /* a map: what its values look like */
    bool open;         /* there were members that are not described */
};

struct form_text {
    uint64_t strings;
    uint64_t min, max; /* characters */
    unsigned formats;
    struct word *words; /* of INFER_WORDS; NULL: not counted */
    uint32_t n_words;
    bool many; /* more, or longer ones */
    bool odd;  /* not UTF-8: lengths mean nothing */
};

struct form {
    unsigned types;
    struct form_number min, max;
    bool boundless; /* a number too long to be kept */
    struct form_text *text;
    struct form_object *object;
    struct form *items;
    bool any_items; /* elements that are not described */
    uint64_t min_items, max_items;
};

struct infer {
    bool strict;
    bool full; /* there was no memory once: nothing new is described */
    struct arena arena;
    uint32_t forms;
    uint64_t serial;
    struct form *root;
    struct buf text, key;
};

/* n bytes, zeroed. NULL from the first time on that there is no memory. */
void *form_alloc(struct infer *i, size_t n);

/* NULL: there are enough of them. */
struct form *form_new(struct infer *i);

/* Takes b in as well. */
void form_merge(struct infer *i, struct form *a, struct form *b);

/* The member with this key (copied), made if need be; NULL where it is not
 * described: then *rest is what a map's values look like, or NULL. */
struct form_member *form_member(struct infer *i, struct form_object *o,
                                struct str key, struct form **rest);

/* Takes in a string of these characters, a number. */
void form_string(struct infer *i, struct form *f, struct str text);
void form_number(struct infer *i, struct form *f, struct str text);

#endif
