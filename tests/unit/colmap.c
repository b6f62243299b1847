#include "unit.h"

#include "base/buf.h"
#include "lineage/colmap.h"

#include <stdlib.h>

/* Where a field comes from: "a:IDENTITY b:AGGREGATION#". */
static const char *from(const struct colmap *m, const char *field)
{
    static struct buf out;
    struct colmap_sources list = { 0 };
    buf_reset(&out);
    colmap_use(m, &list, str_of(field), COLMAP_IDENTITY, false);
    for (size_t i = 0; i < list.n; i++) {
        const struct colmap_source *s = &list.v[i];
        buf_addf(&out, "%s%.*s:%s%s", i ? " " : "", STR_ARG(s->field),
                 colmap_kind_name(s->kind), s->masks ? "#" : "");
        if (s->input < COLMAP_SIDE)
            buf_addf(&out, "@%u", s->input);
        if (s->input == COLMAP_SIDE)
            buf_addz(&out, "@side");
    }
    colmap_sources_free(&list);
    return buf_z(&out);
}

/* name = an expression over fields a and b. */
static void put(struct colmap *m, const char *name, const char *a,
                const char *b, enum colmap_kind kind)
{
    struct colmap_sources list = { 0 };
    colmap_use(m, &list, str_of(a), kind, false);
    if (b)
        colmap_use(m, &list, str_of(b), kind, false);
    colmap_put(m, str_of(name), &list);
    colmap_sources_free(&list);
}

TEST("a field that nothing touched is itself")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    CHECK_STR(from(&m, "x"), "x:IDENTITY");
    CHECK_STR(from(&m, "x.y[0]"), "x.y[0]:IDENTITY");
    colmap_free(&m);
    colmap_init(&m, COLMAP_NONE);
    CHECK_STR(from(&m, "x"), "");
    colmap_free(&m);
    colmap_init(&m, COLMAP_UNKNOWN);
    CHECK_STR(from(&m, "x"), ":TRANSFORMATION");
    colmap_free(&m);
}

TEST("what is computed from what was computed leads to the beginning")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    put(&m, "t", "a", "b", COLMAP_TRANSFORMATION);
    put(&m, "u", "t", "c", COLMAP_TRANSFORMATION);
    put(&m, "a", "u", NULL, COLMAP_IDENTITY);
    CHECK_STR(from(&m, "u"),
              "a:TRANSFORMATION b:TRANSFORMATION c:TRANSFORMATION");
    CHECK_STR(from(&m, "a"),
              "a:TRANSFORMATION b:TRANSFORMATION c:TRANSFORMATION");
    /* Now a is another a. */
    put(&m, "v", "a", NULL, COLMAP_AGGREGATION);
    CHECK_STR(from(&m, "v"), "a:AGGREGATION b:AGGREGATION c:AGGREGATION");
    put(&m, "k", "k", NULL, COLMAP_IDENTITY);
    CHECK_STR(from(&m, "k"), "k:IDENTITY");
    colmap_free(&m);
}

TEST("what takes a name takes it from all that stood within the name before")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    put(&m, "x.a", "p", NULL, COLMAP_IDENTITY);
    put(&m, "y.a", "q", NULL, COLMAP_IDENTITY);
    put(&m, "x.b", "q", NULL, COLMAP_IDENTITY);
    colmap_rename(&m, STR("y"), STR("x"));
    CHECK_STR(from(&m, "x.a"), "q:IDENTITY");
    CHECK_STR(from(&m, "x.b"), "y.b:IDENTITY");
    colmap_free(&m);
}

TEST("names that change lead to those before, with all that is in them")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    colmap_rename(&m, STR("a"), STR("b"));
    CHECK_STR(from(&m, "b"), "a:IDENTITY");
    CHECK_STR(from(&m, "b.x"), "a.x:IDENTITY");
    CHECK_STR(from(&m, "a"), "");
    CHECK_STR(from(&m, "ab"), "ab:IDENTITY");
    put(&m, "b.x", "y", NULL, COLMAP_TRANSFORMATION);
    colmap_rename(&m, STR("b"), STR("c"));
    CHECK_STR(from(&m, "c.x"), "y:TRANSFORMATION");
    CHECK_STR(from(&m, "c.z"), "a.z:IDENTITY");
    CHECK_STR(from(&m, "b"), "");
    colmap_rename(&m, STR("c"), STR("a"));
    CHECK_STR(from(&m, "a.z"), "a.z:IDENTITY");
    colmap_free(&m);
}

TEST("a field that is dropped comes from nowhere, until it is set again")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    put(&m, "a.b", "x", NULL, COLMAP_TRANSFORMATION);
    CHECK_STR(from(&m, "a"), "x:TRANSFORMATION a:IDENTITY");
    colmap_drop(&m, STR("a"));
    CHECK_STR(from(&m, "a"), "");
    CHECK_STR(from(&m, "a.b"), "");
    put(&m, "a", "y", NULL, COLMAP_IDENTITY);
    CHECK_STR(from(&m, "a.c"), "y.c:IDENTITY");
    colmap_free(&m);
}

TEST("of fields that are kept the others are none")
{
    struct colmap m;
    const struct str kept[] = { STR("a"), STR("t.u") };
    colmap_init(&m, COLMAP_SAME);
    put(&m, "t", "x", NULL, COLMAP_TRANSFORMATION);
    put(&m, "z", "x", NULL, COLMAP_TRANSFORMATION);
    colmap_keep(&m, kept, 2);
    CHECK(m.others == COLMAP_NONE);
    CHECK_STR(from(&m, "a"), "a:IDENTITY");
    CHECK_STR(from(&m, "t.u"), "x:TRANSFORMATION");
    CHECK_STR(from(&m, "z"), "");
    CHECK_STR(from(&m, "q"), "");
    colmap_free(&m);
}

TEST("what decides about records stays that, whatever it is made of")
{
    struct colmap m;
    colmap_init(&m, COLMAP_SAME);
    put(&m, "t", "a", "b", COLMAP_AGGREGATION);
    colmap_decide(&m, STR("t"), COLMAP_FILTER);
    CHECK(m.whole.n == 2 && m.whole.v[0].kind == COLMAP_FILTER);
    struct colmap_sources list = { 0 };
    colmap_use(&m, &list, STR("t"), COLMAP_CONDITIONAL, true);
    CHECK(list.n == 2 && list.v[1].kind == COLMAP_CONDITIONAL &&
          list.v[1].masks);
    colmap_sources_free(&list);
    colmap_free(&m);
}

/* Numbers a map as graphs have it: all it reads is input. */
static void number(struct colmap *m, uint32_t input)
{
    for (size_t i = 0; i < m->n; i++)
        for (size_t k = 0; k < m->columns[i].from.n; k++)
            m->columns[i].from.v[k].input = input;
    for (size_t k = 0; k < m->whole.n; k++)
        m->whole.v[k].input = input;
    m->from = malloc(sizeof(*m->from));
    CHECK(m->from != NULL);
    m->from[0] = input;
    m->n_from = 1;
    m->numbered = true;
}

TEST("two maps, one behind the other, are one")
{
    struct colmap up, down;
    colmap_init(&up, COLMAP_SAME);
    colmap_rename(&up, STR("a"), STR("b"));
    put(&up, "t", "x", NULL, COLMAP_TRANSFORMATION);
    colmap_drop(&up, STR("gone"));
    colmap_decide(&up, STR("f"), COLMAP_FILTER);
    number(&up, 1);
    colmap_init(&down, COLMAP_SAME);
    put(&down, "s", "b", "t", COLMAP_AGGREGATION);
    colmap_decide(&down, STR("b"), COLMAP_GROUP_BY);
    number(&down, 2);
    colmap_behind(&down, 2, &up);
    CHECK_STR(from(&down, "s"), "a:AGGREGATION@1 x:AGGREGATION@1");
    CHECK_STR(from(&down, "t"), "x:TRANSFORMATION@1");
    CHECK_STR(from(&down, "b"), "a:IDENTITY@1");
    CHECK_STR(from(&down, "q"), "q:IDENTITY@1");
    CHECK_STR(from(&down, "a"), "");
    CHECK_STR(from(&down, "gone"), "");
    CHECK(down.whole.n == 2);
    colmap_free(&down);

    colmap_init(&down, COLMAP_NONE);
    put(&down, "n", "q", NULL, COLMAP_TRANSFORMATION);
    CHECK_STR(from(&down, "n"), "");
    colmap_free(&down);
    colmap_free(&up);
}

TEST("behind what is unknown all is unknown, but what is made anew")
{
    struct colmap up, down;
    colmap_init(&up, COLMAP_UNKNOWN);
    number(&up, 1);
    colmap_init(&down, COLMAP_SAME);
    struct colmap_sources none = { 0 };
    colmap_put(&down, STR("constant"), &none);
    put(&down, "s", "b", NULL, COLMAP_AGGREGATION);
    number(&down, 2);
    colmap_behind(&down, 2, &up);
    CHECK(down.others == COLMAP_UNKNOWN);
    CHECK_STR(from(&down, "s"), ":AGGREGATION@1");
    CHECK_STR(from(&down, "constant"), "");
    CHECK_STR(from(&down, "x"), ":TRANSFORMATION@1");
    colmap_free(&up);
    colmap_free(&down);
}

TEST("more sources than there is room for leave the others unknown")
{
    struct colmap m;
    colmap_init(&m, COLMAP_NONE);
    struct colmap_sources many = { 0 };
    for (int i = 0; i <= COLMAP_SOURCES_MAX; i++) {
        char field[32];
        snprintf(field, sizeof(field), "f%d", i);
        struct colmap_source s = { str_of(strdup(field)), COLMAP_MAIN,
                                   COLMAP_IDENTITY, false };
        colmap_source_add(&many, &s);
        if (i == COLMAP_SOURCES_MAX)
            free((void *)(uintptr_t)s.field.p);
    }
    CHECK(many.failed && many.n == COLMAP_SOURCES_MAX);
    colmap_put(&m, STR("all"), &many);
    CHECK(m.others == COLMAP_UNKNOWN);
    for (size_t i = 0; i < many.n; i++)
        free((void *)(uintptr_t)many.v[i].field.p);
    colmap_sources_free(&many);
    colmap_free(&m);
}

UNIT_MAIN
