/* evolvecheck: what must hold for any two schemas and any value: where the
 * comparison calls the second backward compatible, it accepts what the first
 * accepts; forward, the other way. The judge is the checker that records go
 * through. */
#ifndef EVOLVECHECK_H
#define EVOLVECHECK_H

#include "evolve/compat.h"
#include "schema/schema.h"

#include <stdio.h>

struct evolvecheck {
    struct schema *schema[2];
    struct schema_run *run[2];
    unsigned breaks;
    bool usable; /* both compile */
};

static int evolve_note(void *context, const struct difference *d, struct err *e)
{
    (void)e;
    *(unsigned *)context |= d->breaks;
    return 0;
}

static void evolve_begin(struct evolvecheck *k, struct str was, struct str now)
{
    struct compat_options options = { .direction = COMPAT_FULL };
    struct str text[2] = { was, now };
    struct compat_result r;
    struct err e = { 0 };
    *k = (struct evolvecheck){ .usable = false };
    struct compat *c = compat_new(&options, &e);
    int ok = c && compat_add_text(c, was, "old", NULL, &e) == 0 &&
                     compat_add_text(c, now, "new", NULL, &e) == 0
                 ? compat_run(c, evolve_note, &k->breaks, &r, &e)
                 : -1;
    compat_free(c);
    if (ok < 0)
        return;
    for (int i = 0; i < 2; i++) {
        k->schema[i] = schema_compile(text[i], "s", NULL, &e);
        k->run[i] = k->schema[i] ? schema_run_new(k->schema[i]) : NULL;
    }
    k->usable = k->run[0] && k->run[1];
}

static void evolve_end(struct evolvecheck *k)
{
    for (int i = 0; i < 2; i++) {
        schema_run_free(k->run[i]);
        schema_free(k->schema[i]);
    }
}

/* True if the value is no witness against the verdict. */
static bool evolve_holds(struct evolvecheck *k, struct str value, int *accepted)
{
    const struct schema_error *x;
    struct err e;
    size_t n;
    int fits[2];
    for (int i = 0; i < 2; i++)
        fits[i] = schema_check(k->run[i], value, &x, &n, &e);
    *accepted += fits[0] == 1;
    if (fits[0] < 0 || fits[1] < 0)
        return false;
    bool backward = k->breaks & COMPAT_BACKWARD || !fits[0] || fits[1];
    bool forward = k->breaks & COMPAT_FORWARD || !fits[1] || fits[0];
    return backward && forward;
}

#endif
