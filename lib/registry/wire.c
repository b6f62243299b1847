#include "registry/wire.h"

static void skip(struct str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

static bool varint(struct str *s, uint64_t *v)
{
    uint64_t u = 0;
    for (size_t i = 0; i < s->n && i < 10; i++) {
        unsigned char c = (unsigned char)s->p[i];
        u |= (uint64_t)(c & 0x7f) << 7 * i;
        if (c & 0x80)
            continue;
        if (i == 9 && c > 1)
            return false;
        *v = u;
        skip(s, i + 1);
        return true;
    }
    return false;
}

static bool fixed(struct str *s, size_t n, uint64_t *v)
{
    if (s->n < n)
        return false;
    *v = 0;
    for (size_t i = n; i--;)
        *v = *v << 8 | (unsigned char)s->p[i];
    skip(s, n);
    return true;
}

static bool tag(struct str *s, struct wire_field *f)
{
    uint64_t u;
    if (!varint(s, &u) || u > UINT32_MAX || u >> 3 == 0)
        return false;
    f->number = (uint32_t)(u >> 3);
    f->type = (enum wire_type)(u & 7);
    return true;
}

/* What stands behind a tag that begins no group. */
static bool content(struct str *s, struct wire_field *f)
{
    switch (f->type) {
    case WIRE_VARINT: return varint(s, &f->value);
    case WIRE_64: return fixed(s, 8, &f->value);
    case WIRE_32: return fixed(s, 4, &f->value);
    case WIRE_BYTES:
        if (!varint(s, &f->value) || f->value > s->n)
            return false;
        f->bytes = (struct str){ s->p, (size_t)f->value };
        skip(s, f->bytes.n);
        return true;
    default: return false;
    }
}

/* All up to the end of the group f, whose tag was read. */
static bool group(struct str *s, struct wire_field *f)
{
    uint32_t open[WIRE_GROUPS_MAX];
    size_t depth = 0;
    const char *start = s->p;
    open[depth++] = f->number;
    for (;;) {
        const char *at = s->p;
        struct wire_field in;
        if (!tag(s, &in))
            return false;
        if (in.type == WIRE_GROUP) {
            if (depth == WIRE_GROUPS_MAX)
                return false;
            open[depth++] = in.number;
        } else if (in.type == WIRE_END) {
            if (open[--depth] != in.number)
                return false;
            if (depth == 0) {
                f->bytes = (struct str){ start, (size_t)(at - start) };
                return true;
            }
        } else if (!content(s, &in)) {
            return false;
        }
    }
}

int wire_next(struct str *message, struct wire_field *f)
{
    if (message->n == 0)
        return 0;
    if (!tag(message, f))
        return -1;
    bool good = f->type == WIRE_GROUP ? group(message, f) : content(message, f);
    return good ? 1 : -1;
}

int wire_packed(struct str *list, enum wire_type type, uint64_t *v)
{
    if (list->n == 0)
        return 0;
    bool good = type == WIRE_VARINT ? varint(list, v)
                                    : fixed(list, type == WIRE_64 ? 8 : 4, v);
    return good ? 1 : -1;
}
