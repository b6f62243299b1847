#include "report/letters.h"

#include "dlq/read.h"
#include "report/run.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

static struct val first_code(const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct val error = { 0 };
    if (v->errors.type == JSON_ARRAY)
        json_next(&it, NULL, &error);
    return json_get(error, STR("code"));
}

static struct letters_group *group_of(struct letters *l, struct str pipeline,
                                      struct str stage, struct str code)
{
    for (size_t i = l->n; i-- > 0;) {
        struct letters_group *g = &l->v[i];
        if (!str_eq(g->pipeline, pipeline))
            break; /* queue by queue: those of one stand together */
        if (str_eq(g->code, code) && str_eq(g->stage, stage))
            return g;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        struct letters_group *v =
            cap > LETTERS_GROUPS_MAX ? NULL : realloc(l->v, cap * sizeof(*v));
        if (!v)
            return NULL;
        l->v = v;
        l->cap = cap;
    }
    struct letters_group *g = &l->v[l->n];
    *g = (struct letters_group){ .pipeline = pipeline,
                                 .stage = arena_dup(&l->text, stage),
                                 .code = arena_dup(&l->text, code) };
    if (!g->stage.p || !g->code.p)
        return NULL;
    l->n++;
    return g;
}

static int count(struct letters *l, struct str pipeline,
                 const struct envelope *v, struct err *e)
{
    struct buf stage = { 0 }, code = { 0 };
    run_text(&stage, v->stage);
    run_text(&code, first_code(v));
    struct letters_group *g =
        stage.failed || code.failed
            ? NULL
            : group_of(l, pipeline, buf_str(&stage), buf_str(&code));
    buf_free(&stage);
    buf_free(&code);
    if (!g)
        return err_nomem(e);
    g->oldest_us = g->open && g->oldest_us < v->us ? g->oldest_us : v->us;
    g->newest_us = g->newest_us > v->us ? g->newest_us : v->us;
    g->open++;
    return 0;
}

static int read_queue(struct letters *l, const char *uri, const char *name,
                      struct err *e)
{
    struct dlq_read d;
    struct envelope v;
    struct str pipeline = arena_dup(&l->text, str_of(name));
    if (!pipeline.p)
        return err_nomem(e);
    if (dlq_read_open(&d, uri, false, e))
        return -1;
    int r = 0;
    for (size_t i = 0; i < d.n_entries && r == 0; i++)
        if (dlq_read_place(&d, i)->state == DLQ_OPEN)
            r = dlq_read_get(&d, i, &v, e) || count(l, pipeline, &v, e) ? -1
                                                                        : 0;
    dlq_read_close(&d);
    return r;
}

static int by_number(const void *a, const void *b)
{
    const struct letters_group *x = a, *y = b;
    int c = str_cmp(x->pipeline, y->pipeline);
    return c ? c : (x->open < y->open) - (x->open > y->open);
}

int letters_read(struct letters *l, const char *state, struct err *e)
{
    struct buf path = { .max = 65536 };
    struct dirent *entry;
    int r = 0;
    *l = (struct letters){ 0 };
    buf_addf(&path, "%s/dlq", state);
    size_t n = path.n;
    DIR *d = buf_z(&path) ? opendir(path.p) : NULL;
    if (!d && errno != ENOENT)
        r = err_sys(e, ERR_IO, errno, "cannot read folder '%s/dlq'", state);
    while (d && r == 0 && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.' || entry->d_type == DT_REG)
            continue;
        path.n = n;
        buf_addf(&path, "/%s/", entry->d_name);
        r = buf_z(&path) ? read_queue(l, path.p, entry->d_name, e)
                         : err_nomem(e);
    }
    if (d)
        closedir(d);
    if (l->n)
        qsort(l->v, l->n, sizeof(*l->v), by_number);
    buf_free(&path);
    return r;
}

void letters_free(struct letters *l)
{
    free(l->v);
    arena_free(&l->text);
    *l = (struct letters){ 0 };
}
