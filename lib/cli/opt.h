/* opt: one table per command, from which parsing, --help, the manual page's
 * OPTIONS and the bash completion all follow.
 *
 * Rows point at static variables. Long options may be given as --name=value or
 * --name value; names are never abbreviated. A row given twice is refused
 * unless its kind is a list, a step or a flag. A row with `env` takes that
 * variable's value where the command line does not say. */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum opt_kind {
    OPT_END = 0,
    OPT_FLAG,   /* dest: bool, set true */
    OPT_STRING, /* dest: const char *, borrowed from argv or environ */
    OPT_COUNT,  /* dest: uint64_t, decimal, within min and max */
    OPT_SIZE,   /* dest: uint64_t, bytes, with K, M, G or T (1024) behind */
    OPT_TIME,   /* dest: uint64_t, milliseconds: 500ms, 5s, 2m, 1h, 1d */
    OPT_CHOICE, /* dest: const char *, one of choices */
    OPT_LIST,   /* dest: struct opt_list, repeatable */
    OPT_STEP,   /* dest: struct opt_steps, which many rows may share: what they
                   are given is kept in the order of the command line */
    OPT_STEP_MAY, /* the same, whose value may be left out, and is else always
                     given as --name=value */
    OPT_GROUP     /* no option: a heading in --help and the manual */
};

enum opt_complete { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_DIR };

struct opt;

struct opt_list {
    const char **v; /* array owned by the table, strings borrowed */
    size_t n;
};

struct opt_step {
    const struct opt *opt;
    const char *value; /* NULL: none was given */
};

struct opt_steps {
    struct opt_step *v; /* array owned by the table, strings borrowed */
    size_t n;
};

struct opt {
    enum opt_kind kind;
    char letter;      /* 0 if there is no short form */
    const char *name; /* long name without dashes */
    const char *arg;  /* label of the argument; NULL for flags */
    void *dest;
    const char *help;           /* a sentence, lower case, no full stop */
    const char *const *choices; /* NULL-terminated; for OPT_CHOICE */
    uint64_t min, max;          /* for numbers; max 0 means no maximum */
    int exclusive;              /* rows of one table and one nonzero
                                   number exclude each other */
    enum opt_complete complete;
    const char *env; /* variable that stands in; NULL for none */
};

#define OPT_TABLES_MAX 32

/* Parses argv by the tables (NULL-terminated array of tables ended by OPT_END
 * rows). Options and operands may mix; "--" ends the options. Operands are
 * moved to the front of argv[1..] and *operands set to their number; if
 * stop_at_dashes, those behind "--" are left out of it and *rest is set to the
 * index of the first of them (argc if there was no "--").
 * Returns 0, or -1 with ERR_USAGE naming the option. */
int opt_parse(const struct opt *const *tables, int argc, char **argv,
              bool stop_at_dashes, int *operands, int *rest, struct err *e);

/* Frees what lists own. */
void opt_free(const struct opt *const *tables);

/* The table as help text, as mdoc(7) list items, as a bash completion script
 * for the command `name` whose operands are words (NULL: none) or of a kind. */
void opt_print_help(FILE *f, const struct opt *const *tables);
void opt_print_man(FILE *f, const struct opt *const *tables);
void opt_print_completion(FILE *f, const struct opt *const *tables,
                          const char *name, enum opt_complete operands,
                          const char *words);

/* Parses "10M" as OPT_SIZE and "5m" as OPT_TIME do. Returns 0 or -1. */
int opt_size(const char *text, uint64_t *bytes);
int opt_time(const char *text, uint64_t *ms);

#endif
