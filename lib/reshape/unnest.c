#include "reshape/unnest.h"

#include "json/splice.h"

#include <stdio.h>

static int read_path(struct path *p, struct str field, struct err *e)
{
    if (path_parse(p, field, e))
        return -1;
    if (p->n)
        return 0;
    path_free(p);
    return err_set(e, ERR_USAGE, "a field is missing");
}

int unnest_init(struct unnest *u, struct str field, struct err *e)
{
    *u = (struct unnest){ 0 };
    return read_path(&u->field, field, e);
}

int unnest_index(struct unnest *u, struct str field, struct err *e)
{
    struct path p;
    if (read_path(&p, field, e))
        return -1;
    path_free(&u->index);
    u->index = p;
    if (path_relate(&u->field, &u->index) == PATH_APART)
        return 0;
    return err_set(e, ERR_USAGE,
                   "'%.*s': the number cannot stand within the element",
                   STR_ARG(field));
}

void unnest_free(struct unnest *u)
{
    path_free(&u->field);
    path_free(&u->index);
    buf_free(&u->rec[0]);
    buf_free(&u->rec[1]);
}

/* Gives each the record with its element and number (both raw). */
static int give(struct unnest *u, struct str record, struct str array,
                struct str element, struct str number, unnest_each *each,
                void *context)
{
    struct splice s = { array, element };
    buf_reset(&u->rec[0]);
    if (array.n == 0)
        buf_add_str(&u->rec[0], record);
    else if (json_splice(&u->rec[0], record, &s, 1))
        return -2;
    if (u->rec[0].failed)
        return -2;
    if (!u->index.n)
        return each(context, buf_str(&u->rec[0]));
    buf_reset(&u->rec[1]);
    int r = json_put(&u->rec[1], buf_str(&u->rec[0]), &u->index, number);
    if (r)
        return r == -2 ? UNNEST_TAKEN : -2;
    return each(context, buf_str(&u->rec[1]));
}

int unnest_run(struct unnest *u, struct str record, unnest_each *each,
               void *context)
{
    struct val array = json_find(record, &u->field), v;
    char number[24];
    size_t i = 0;
    if (array.type > JSON_NULL && array.type != JSON_ARRAY)
        return UNNEST_NOT_ARRAY;
    if (u->index.n && json_find(record, &u->index).type != JSON_MISSING)
        return UNNEST_TAKEN;
    if (array.type == JSON_ARRAY)
        for (struct json_iter it = json_iter(array.raw);
             json_next(&it, NULL, &v); i++) {
            int n = snprintf(number, sizeof(number), "%zu", i);
            int r = give(u, record, array.raw, v.raw,
                         (struct str){ number, (size_t)n }, each, context);
            if (r)
                return r;
        }
    if (i > 0 || !u->keep_empty)
        return 0;
    struct str at = array.type == JSON_MISSING ? STR("") : array.raw;
    return give(u, record, at, STR("null"), STR("null"), each, context);
}
