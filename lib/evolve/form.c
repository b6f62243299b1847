#include "evolve/form.h"

#include "base/hash.h"
#include "json/number.h"
#include "json/utf8.h"
#include "schema/format.h"

const char *const form_formats[FORM_FORMATS] = { "date",  "date-time", "uuid",
                                                 "email", "ipv4",      "ipv6",
                                                 "uri" };

void *form_alloc(struct infer *i, size_t n)
{
    void *p = i->full ? NULL : arena_alloc(&i->arena, n);
    i->full = !p;
    return p ? memset(p, 0, n) : NULL;
}

struct form *form_new(struct infer *i)
{
    struct form *f = i->forms < INFER_FORMS ? form_alloc(i, sizeof(*f)) : NULL;
    if (f) {
        i->forms++;
        f->min_items = UINT64_MAX;
    }
    return f;
}

/* ---- members ---- */

static uint32_t *slot_of(const struct form_object *o, struct str key)
{
    uint32_t mask = o->n_slots - 1, k = (uint32_t)hash64(key) & mask;
    while (o->slots[k] && !str_eq(o->members[o->slots[k] - 1].key, key))
        k = (k + 1) & mask;
    return &o->slots[k];
}

static int grow(struct infer *i, struct form_object *o)
{
    uint32_t cap = o->cap ? o->cap * 2 : 8;
    struct form_member *m = form_alloc(i, cap * sizeof(*m));
    uint32_t *slots = form_alloc(i, cap * 2 * sizeof(*slots));
    if (!m || !slots)
        return -1;
    if (o->n)
        memcpy(m, o->members, o->n * sizeof(*m));
    o->members = m;
    o->cap = cap;
    o->slots = slots;
    o->n_slots = cap * 2;
    for (uint32_t k = 0; k < o->n; k++)
        *slot_of(o, m[k].key) = k + 1;
    return 0;
}

/* Makes o a map: its members' forms become one, but for those of a few members
 * that all objects have. */
static void make_map(struct infer *i, struct form_object *o)
{
    uint32_t kept = 0, n = o->n;
    for (uint32_t k = 0; k < n; k++)
        kept += o->members[k].present + 1 >= o->objects;
    if (kept > INFER_KEPT || kept == n)
        kept = 0;
    o->rest = form_new(i);
    o->open = o->open || !o->rest;
    o->n = 0;
    memset(o->slots, 0, o->n_slots * sizeof(*o->slots));
    for (uint32_t k = 0; k < n; k++) {
        struct form_member m = o->members[k];
        if (kept && m.present + 1 >= o->objects) {
            o->members[o->n] = m;
            *slot_of(o, m.key) = ++o->n;
        } else if (o->rest) {
            form_merge(i, o->rest, m.form);
        }
    }
}

/* True where one key more would be one too many. */
static bool is_map(const struct form_object *o)
{
    uint32_t rare = 0;
    if (o->n >= INFER_KEYS)
        return true;
    if (o->n < INFER_MAP || (o->n & (o->n - 1)))
        return false;
    for (uint32_t k = 0; k < o->n; k++)
        rare += o->members[k].present * 2 < o->objects;
    return rare > o->n / 2;
}

static struct form_member *add_member(struct infer *i, struct form_object *o,
                                      struct str key, struct form *form)
{
    struct str own = { NULL, 0 };
    if (o->n < o->cap || grow(i, o) == 0)
        own = arena_dup(&i->arena, key);
    if (own.p && !form)
        form = form_new(i);
    if (!own.p || !form) {
        o->open = true;
        return NULL;
    }
    struct form_member *m = &o->members[o->n];
    *m = (struct form_member){ .key = own, .form = form };
    *slot_of(o, own) = ++o->n;
    return m;
}

struct form_member *form_member(struct infer *i, struct form_object *o,
                                struct str key, struct form **rest)
{
    uint32_t *slot = o->n_slots ? slot_of(o, key) : NULL;
    *rest = o->rest;
    if (slot && *slot)
        return &o->members[*slot - 1];
    if (o->rest)
        return NULL;
    /* What JSON cannot say in UTF-8, and what is no name. */
    if (key.n > INFER_KEY_BYTES || !utf8_valid(key)) {
        o->open = true;
        return NULL;
    }
    if (is_map(o)) {
        make_map(i, o);
        *rest = o->rest;
        return NULL;
    }
    return add_member(i, o, key, NULL);
}

/* ---- strings ---- */

/* Many texts with a colon are URIs by their grammar only. */
static bool has_authority(struct str s)
{
    return memmem(s.p, s.n, "://", 3) != NULL;
}

static unsigned formats_of(struct str text, unsigned among)
{
    static const enum format known[] = { FORMAT_DATE, FORMAT_DATE_TIME,
                                         FORMAT_UUID, FORMAT_EMAIL,
                                         FORMAT_IPV4, FORMAT_IPV6,
                                         FORMAT_URI };
    for (unsigned k = 0; k < FORM_FORMATS; k++) {
        if (!(among & 1u << k))
            continue;
        if (!format_ok(known[k], text) ||
            (known[k] == FORMAT_URI && !has_authority(text)))
            among &= ~(1u << k);
    }
    return among;
}

static void add_word(struct infer *i, struct form_text *t, struct str text)
{
    if (t->many)
        return;
    for (uint32_t k = 0; k < t->n_words; k++)
        if (str_eq((struct str){ t->words[k].text, t->words[k].n }, text))
            return;
    if (!t->words)
        t->words = form_alloc(i, INFER_WORDS * sizeof(*t->words));
    if (!t->words || t->n_words == INFER_WORDS || text.n > INFER_WORD_BYTES) {
        t->many = true;
        return;
    }
    struct word *w = &t->words[t->n_words++];
    w->n = (uint8_t)text.n;
    memcpy(w->text, text.p, text.n);
}

void form_string(struct infer *i, struct form *f, struct str text)
{
    f->types |= FORM_STRING;
    if (!i->strict)
        return;
    if (!f->text) {
        f->text = form_alloc(i, sizeof(*f->text));
        if (!f->text)
            return; /* then nothing is said of it */
        f->text->min = UINT64_MAX;
        f->text->formats = (1u << FORM_FORMATS) - 1;
    }
    struct form_text *t = f->text;
    uint64_t n = 0;
    for (size_t k = 0; k < text.n; k++)
        n += ((unsigned char)text.p[k] & 0xc0) != 0x80;
    if (!utf8_valid(text)) {
        t->odd = t->many = true;
        t->formats = 0;
    }
    t->strings++;
    t->min = n < t->min ? n : t->min;
    t->max = n > t->max ? n : t->max;
    if (t->formats)
        t->formats = formats_of(text, t->formats);
    add_word(i, t, text);
}

/* ---- numbers ---- */

static struct str text_of(const struct form_number *n)
{
    return (struct str){ n->text, n->n };
}

static void widen(struct form *f, struct str text)
{
    struct form_number *const ends[] = { &f->min, &f->max };
    if (text.n > FORM_NUMBER_BYTES) {
        f->boundless = true;
        return;
    }
    for (int k = 0; k < 2; k++) {
        int cmp = ends[k]->n ? number_cmp(text, text_of(ends[k])) : 0;
        if (ends[k]->n && (k == 0 ? cmp >= 0 : cmp <= 0))
            continue;
        ends[k]->n = (uint8_t)text.n;
        memcpy(ends[k]->text, text.p, text.n);
    }
}

void form_number(struct infer *i, struct form *f, struct str text)
{
    bool plain = true;
    for (size_t k = 0; k < text.n; k++)
        plain =
            plain && text.p[k] != '.' && text.p[k] != 'e' && text.p[k] != 'E';
    f->types |= plain ? FORM_INTEGER : FORM_FRACTION;
    if (i->strict && !f->boundless)
        widen(f, text);
}

/* ---- merging ---- */

static void merge_text(struct infer *i, struct form *a, struct form_text *t)
{
    struct form_text *o = a->text;
    if (!t)
        return;
    if (!o) {
        a->text = t;
        return;
    }
    o->strings += t->strings;
    o->min = t->min < o->min ? t->min : o->min;
    o->max = t->max > o->max ? t->max : o->max;
    o->formats &= t->formats;
    o->odd = o->odd || t->odd;
    o->many = o->many || t->many;
    for (uint32_t k = 0; k < t->n_words; k++)
        add_word(i, o, (struct str){ t->words[k].text, t->words[k].n });
}

static void merge_object(struct infer *i, struct form *a, struct form_object *t)
{
    struct form_object *o = a->object;
    if (!t)
        return;
    if (!o) {
        a->object = t;
        return;
    }
    o->objects += t->objects;
    o->open = o->open || t->open;
    if (t->rest && !o->rest) {
        if (o->n)
            make_map(i, o);
        else
            o->rest = t->rest;
    }
    if (t->rest && o->rest && t->rest != o->rest)
        form_merge(i, o->rest, t->rest);
    for (uint32_t k = 0; k < t->n; k++) {
        struct form_member *from = &t->members[k], *to;
        struct form *rest;
        to = form_member(i, o, from->key, &rest);
        if (to)
            form_merge(i, to->form, from->form);
        else if (rest)
            form_merge(i, rest, from->form);
        if (to)
            to->present += from->present;
    }
}

void form_merge(struct infer *i, struct form *a, struct form *b)
{
    a->types |= b->types;
    a->boundless = a->boundless || b->boundless;
    if (b->min.n)
        widen(a, text_of(&b->min));
    if (b->max.n)
        widen(a, text_of(&b->max));
    merge_text(i, a, b->text);
    a->any_items = a->any_items || b->any_items;
    a->min_items = b->min_items < a->min_items ? b->min_items : a->min_items;
    a->max_items = b->max_items > a->max_items ? b->max_items : a->max_items;
    if (b->items && a->items)
        form_merge(i, a->items, b->items);
    else if (b->items)
        a->items = b->items;
    merge_object(i, a, b->object);
}
