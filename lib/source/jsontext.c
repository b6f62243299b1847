#include "source/jsontext.h"

#include "json/check.h"

#include <string.h>

/* Bytes of a number that is passed over; a longer one is not worth a check. */
#define WORD_MAX 65536

int jsontext_open(struct jsontext *t, struct input *in, const char *uri,
                  struct err *e)
{
    t->line = 1;
    t->uri = uri;
    sight_init(&t->w, in);
    return sight_skip_bom(&t->w, e);
}

void jsontext_close(struct jsontext *t)
{
    sight_free(&t->w);
}

int jsontext_broken(const struct jsontext *t, const char *what, struct err *e)
{
    err_set(e, ERR_DATA, "'%s' is not JSON at line %llu, byte %llu: %s", t->uri,
            (unsigned long long)t->line, (unsigned long long)t->w.offset, what);
    e->line = t->line;
    return -1;
}

int jsontext_mismatch(struct jsontext *t, size_t n, struct err *e)
{
    jsontext_drop(t, n, t->scan.newlines);
    return jsontext_broken(t, "this bracket closes none", e);
}

int jsontext_truncated(const struct jsontext *t, struct err *e)
{
    err_set(e, ERR_DATA, "'%s' is truncated: it ends inside a JSON document",
            t->uri);
    e->line = t->line;
    return -1;
}

void jsontext_drop(struct jsontext *t, size_t n, uint64_t newlines)
{
    sight_drop(&t->w, n);
    t->line += newlines;
}

int jsontext_space(struct jsontext *t, struct err *e)
{
    for (;;) {
        size_t i = 0;
        for (; i < t->w.n && memchr(" \t\r\n", t->w.p[i], 4); i++)
            t->line += t->w.p[i] == '\n';
        sight_drop(&t->w, i);
        if (t->w.n > 0)
            return 1;
        int r = sight_more(&t->w, e);
        if (r <= 0)
            return r;
    }
}

int jsontext_expect(struct jsontext *t, struct err *e)
{
    int r = jsontext_space(t, e);

    return r > 0 ? 0 : r == 0 ? jsontext_truncated(t, e) : -1;
}

/* The n bytes at hand are a word, whole. */
static int check_word(const struct jsontext *t, size_t n, struct err *e)
{
    struct json_fault f;

    if (json_check_value((struct str){ t->w.p, n }, 1, &f) == 0)
        return 0;
    return jsontext_broken(t, "expected a value", e);
}

int jsontext_skip(struct jsontext *t, struct err *e)
{
    enum jsonscan_found found;
    size_t at = 0, used = 0;

    if (t->w.n == 0 || !memchr("{[\"-0123456789tfn", *t->w.p, 17))
        return jsontext_broken(t, "expected a value", e);
    jsonscan_start(&t->scan);
    for (;;) {
        found = jsonscan_run(&t->scan, t->w.p + at, t->w.n - at, &used);
        at += used;
        bool word = jsonscan_is_word(&t->scan);
        if (found == JSONSCAN_BROKEN)
            return jsontext_mismatch(t, at, e);
        if (word && at > WORD_MAX)
            return jsontext_broken(t, "a number is too long", e);
        if (found == JSONSCAN_END)
            break;
        if (!word) {
            sight_drop(&t->w, at);
            at = 0;
        }
        int r = sight_more(&t->w, e);
        if (r < 0)
            return -1;
        if (r == 0)
            return jsontext_truncated(t, e);
    }
    if (jsonscan_is_word(&t->scan) && check_word(t, at, e) != 0)
        return -1;
    jsontext_drop(t, at, t->scan.newlines);
    return 0;
}

int jsontext_string(struct jsontext *t, size_t max, struct str *raw,
                    struct err *e)
{
    size_t at = 0, used = 0;

    if (t->w.n == 0 || *t->w.p != '"')
        return jsontext_broken(t, "expected a key in quotes", e);
    jsonscan_start(&t->scan);
    for (;;) {
        bool end = jsonscan_run(&t->scan, t->w.p + at, t->w.n - at, &used) ==
                   JSONSCAN_END;
        at += used;
        if (at > max)
            return jsontext_broken(t, "a key is longer than a record may be",
                                   e);
        if (end)
            break;
        int r = sight_more(&t->w, e);
        if (r < 0)
            return -1;
        if (r == 0)
            return jsontext_truncated(t, e);
    }
    *raw = (struct str){ t->w.p + 1, at - 2 };
    jsontext_drop(t, at, t->scan.newlines);
    return 0;
}
