#include "sink/layout.h"

void layout_forget(struct layout *l)
{
    l->serial = 0;
}

void layout_free(struct layout *l)
{
    l->serial = 0;
    buf_free(&l->keys);
}

static uint32_t behind_value(const struct shape *s, uint32_t token)
{
    uint8_t t = s->tok[token];
    return (t == '{' || t == '[' ? s->close[token] : token) + 1;
}

void layout_learn(struct layout *l, const struct shaped *r,
                  size_t (*find)(void *context, struct str key), void *context)
{
    const struct shape *s = r->shape;
    l->serial = 0;
    l->n = 0;
    buf_reset(&l->keys);
    if (r->line->flags & SCAN_ESCAPES)
        return;
    for (uint32_t i = 1; i < s->close[0];) {
        if (l->n == LAYOUT_FIELDS)
            return;
        struct str key = shape_text(s, r->block, r->line, i);
        l->field[l->n].token = i;
        l->field[l->n].end = behind_value(s, i + 2);
        l->field[l->n].at = (uint32_t)l->keys.n;
        l->field[l->n].length = (uint32_t)key.n - 1;
        l->field[l->n].column =
            find(context, (struct str){ key.p + 1, key.n - 2 });
        i = l->field[l->n++].end;
        if (buf_add(&l->keys, key.p + 1, key.n - 1))
            return;
        if (s->tok[i] == ',')
            i++;
    }
    l->serial = s->serial;
}

bool layout_fits(const struct layout *l, const struct shaped *r)
{
    if (!l->serial || l->serial != r->shape->serial ||
        r->line->flags & SCAN_ESCAPES)
        return false;
    const uint32_t *pos = r->line->pos;
    for (size_t i = 0; i < l->n; i++) {
        uint32_t token = l->field[i].token, length = l->field[i].length;
        uint32_t from = pos[token] + 1;
        if (pos[token + 1] - from < length ||
            memcmp(r->block + from, l->keys.p + l->field[i].at, length) != 0)
            return false;
    }
    return true;
}
