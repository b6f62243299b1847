#include "registry/proto_known.h"
#include "registry/wire.h"

#include <stdlib.h>

#define NONE UINT32_MAX

/* Fields within one message at a time, those of the messages around it
 * included: bounds what a hostile one can make of memory. */
#define PIECES_MAX ((size_t)1 << 22)

#define NESTING_MAX 1000

/* What the message has of one field, in a list. */
struct piece {
    enum wire_type type;
    uint32_t next;
    uint64_t value;
    struct str bytes;
};

struct list {
    uint32_t head, tail; /* of pieces; NONE: the field is not there */
};

struct proto_scratch {
    struct piece *pieces; /* a stack: a message's own on top */
    size_t n_pieces, cap_pieces;
    struct list *lists; /* a stack, too: one a field of the type */
    size_t n_lists, cap_lists;
    uint32_t *cases; /* a stack, too: one a oneof, the field set */
    size_t n_cases, cap_cases;
};

struct reader {
    struct proto_scratch *s;
    struct emit *m;
    bool json_names;
    unsigned nesting;
};

/* A message's part of the stacks. */
struct frame {
    size_t pieces, lists, cases;
};

static bool message(struct reader *r, const struct proto_message *t,
                    struct str data);
static bool field_value(struct reader *r, const struct proto_field *f,
                        struct list of);

struct proto_scratch *proto_scratch_new(void)
{
    return calloc(1, sizeof(struct proto_scratch));
}

void proto_scratch_free(struct proto_scratch *s)
{
    if (!s)
        return;
    free(s->pieces);
    free(s->lists);
    free(s->cases);
    free(s);
}

/* Room for n more behind used; false without memory. */
static bool room(void **v, size_t *cap, size_t used, size_t n, size_t size)
{
    if (n <= *cap - used)
        return true;
    size_t want = *cap * 2 > used + n ? *cap * 2 : used + n + 64;
    void *p = realloc(*v, want * size);
    if (!p)
        return false;
    *v = p;
    *cap = want;
    return true;
}

static bool no_memory(const struct reader *r)
{
    r->m->why->code = NULL;
    return false;
}

static bool bad(const struct reader *r, const struct proto_message *t,
                const char *what)
{
    return emit_fault(r->m, "bad_protobuf", "%.*s: %s", STR_ARG(t->name), what);
}

/* ---- telling fields apart */

static bool push(struct reader *r, const struct proto_message *t,
                 struct frame *f)
{
    struct proto_scratch *s = r->s;
    *f = (struct frame){ s->n_pieces, s->n_lists, s->n_cases };
    if (!room((void **)&s->lists, &s->cap_lists, s->n_lists, t->n,
              sizeof(*s->lists)) ||
        !room((void **)&s->cases, &s->cap_cases, s->n_cases, t->n_oneofs,
              sizeof(*s->cases)))
        return no_memory(r);
    for (size_t i = 0; i < t->n; i++)
        s->lists[s->n_lists++] = (struct list){ NONE, NONE };
    for (size_t i = 0; i < t->n_oneofs; i++)
        s->cases[s->n_cases++] = NONE;
    return true;
}

static void pop(struct reader *r, const struct frame *f)
{
    r->s->n_pieces = f->pieces;
    r->s->n_lists = f->lists;
    r->s->n_cases = f->cases;
}

static const struct proto_field *find(const struct proto_message *t,
                                      uint32_t number)
{
    size_t low = 0, high = t->n;
    if (number < PROTO_LOW)
        return t->low[number];
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (t->by_number[mid]->number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < t->n && t->by_number[low]->number == number ? t->by_number[low]
                                                             : NULL;
}

/* How one value of the field is encoded. */
static enum wire_type wire_of(const struct proto_field *f)
{
    switch (f->kind) {
    case PROTO_DOUBLE:
    case PROTO_FIXED64:
    case PROTO_SFIXED64: return WIRE_64;
    case PROTO_FLOAT:
    case PROTO_FIXED32:
    case PROTO_SFIXED32: return WIRE_32;
    case PROTO_STRING:
    case PROTO_BYTES:
    case PROTO_MESSAGE:
    case PROTO_GROUP: return WIRE_BYTES;
    default: return WIRE_VARINT;
    }
}

static bool fits(const struct proto_field *f, enum wire_type type)
{
    enum wire_type want = wire_of(f);
    if (type == want)
        return true;
    return want == WIRE_BYTES ? type == WIRE_GROUP && f->message
                              : type == WIRE_BYTES && f->repeated;
}

/* Setting a member of a oneof unsets the one set before. */
static void set_case(struct reader *r, const struct frame *fr,
                     const struct proto_field *f)
{
    uint32_t *now = &r->s->cases[fr->cases + (size_t)f->oneof];
    if (*now != NONE && *now != f->index)
        r->s->lists[fr->lists + *now] = (struct list){ NONE, NONE };
    *now = (uint32_t)f->index;
}

static bool add_piece(struct reader *r, const struct frame *fr,
                      const struct proto_field *f, const struct wire_field *w)
{
    struct proto_scratch *s = r->s;
    if (s->n_pieces == PIECES_MAX)
        return emit_fault(r->m, "too_long", "more than %zu fields in a message",
                          PIECES_MAX);
    if (!room((void **)&s->pieces, &s->cap_pieces, s->n_pieces, 1,
              sizeof(*s->pieces)))
        return no_memory(r);
    if (f->oneof >= 0)
        set_case(r, fr, f);
    struct list *l = &s->lists[fr->lists + f->index];
    uint32_t i = (uint32_t)s->n_pieces++;
    s->pieces[i] = (struct piece){ w->type, NONE, w->value, w->bytes };
    if (l->head == NONE)
        l->head = i;
    else
        s->pieces[l->tail].next = i;
    l->tail = i;
    return true;
}

/* Sorts what data has by field. */
static bool scan(struct reader *r, const struct proto_message *t,
                 struct str data, const struct frame *fr)
{
    struct wire_field w;
    int got;
    while ((got = wire_next(&data, &w)) == 1) {
        const struct proto_field *f = find(t, w.number);
        if (!f)
            continue;
        if (!fits(f, w.type)) {
            (void)bad(r, t, "a field is not encoded as its type is");
            return emit_within(r->m, f->name);
        }
        if (!add_piece(r, fr, f, &w))
            return false;
    }
    return got == 0 || bad(r, t, "the message is cut or no Protobuf");
}

/* ---- values */

static bool enum_value(struct reader *r, const struct proto_enum *e, int32_t v)
{
    size_t low = 0, high = e->n;
    if (e->null)
        return emit_raw(r->m, STR("null"));
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (e->by_number[mid]->number < v)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < e->n && e->by_number[low]->number == v)
        return emit_raw(r->m, e->by_number[low]->json);
    return emit_i64(r->m, v);
}

static int64_t zigzag(uint64_t u)
{
    return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

static bool number_value(struct reader *r, const struct proto_field *f,
                         uint64_t u)
{
    uint32_t low = (uint32_t)u;
    double d;
    float g;
    switch (f->kind) {
    case PROTO_DOUBLE: memcpy(&d, &u, sizeof(d)); return emit_double(r->m, d);
    case PROTO_FLOAT: memcpy(&g, &low, sizeof(g)); return emit_float(r->m, g);
    case PROTO_INT64:
    case PROTO_SFIXED64: return emit_i64(r->m, (int64_t)u);
    case PROTO_UINT64:
    case PROTO_FIXED64: return emit_u64(r->m, u);
    case PROTO_INT32:
    case PROTO_SFIXED32: return emit_i64(r->m, (int32_t)low);
    case PROTO_UINT32:
    case PROTO_FIXED32: return emit_u64(r->m, low);
    case PROTO_SINT32: return emit_i64(r->m, (int32_t)zigzag(low));
    case PROTO_SINT64: return emit_i64(r->m, zigzag(u));
    case PROTO_BOOL: return emit_bool(r->m, u != 0);
    default: return enum_value(r, f->enumeration, (int32_t)low);
    }
}

static bool bytes_value(struct reader *r, const struct proto_field *f,
                        struct str bytes)
{
    switch (f->kind) {
    case PROTO_STRING: return emit_text(r->m, bytes);
    case PROTO_BYTES: return emit_base64(r->m, bytes);
    default: return message(r, f->message, bytes);
    }
}

/* A field that is not there. */
static bool default_value(struct reader *r, const struct proto_field *f)
{
    return wire_of(f) == WIRE_BYTES ? bytes_value(r, f, (struct str){ "", 0 })
                                    : number_value(r, f, 0);
}

/* A message that comes in several parts is their concatenation. */
static bool merged_value(struct reader *r, const struct proto_field *f,
                         struct list of)
{
    struct buf whole = { 0 };
    for (uint32_t i = of.head; i != NONE; i = r->s->pieces[i].next)
        buf_add_str(&whole, r->s->pieces[i].bytes);
    bool good =
        whole.failed ? no_memory(r) : message(r, f->message, buf_str(&whole));
    buf_free(&whole);
    return good;
}

static bool single_value(struct reader *r, const struct proto_field *f,
                         struct list of)
{
    if (of.head == NONE)
        return default_value(r, f);
    if (f->message && of.head != of.tail)
        return merged_value(r, f, of);
    struct piece last = r->s->pieces[of.tail];
    return wire_of(f) == WIRE_BYTES ? bytes_value(r, f, last.bytes)
                                    : number_value(r, f, last.value);
}

/* Numbers of a packed list. */
static bool packed_values(struct reader *r, const struct proto_field *f,
                          struct str list, uint64_t *done)
{
    uint64_t v;
    int got;
    while ((got = wire_packed(&list, wire_of(f), &v)) == 1)
        if (!emit_room(r->m, 1) || ((*done)++ && !emit_raw(r->m, STR(","))) ||
            !number_value(r, f, v))
            return false;
    return got == 0 || emit_fault(r->m, "bad_protobuf", "a packed list is cut");
}

static bool repeated_value(struct reader *r, const struct proto_field *f,
                           struct list of)
{
    uint64_t done = 0;
    enum wire_type one = wire_of(f);
    if (!emit_open(r->m, '['))
        return false;
    for (uint32_t i = of.head; i != NONE; i = r->s->pieces[i].next) {
        struct piece p = r->s->pieces[i];
        if (one != WIRE_BYTES && p.type == WIRE_BYTES) {
            if (!packed_values(r, f, p.bytes, &done))
                return false;
            continue;
        }
        if (!emit_room(r->m, 1) || (done && !emit_raw(r->m, STR(","))))
            return false;
        if (!(one == WIRE_BYTES ? bytes_value(r, f, p.bytes)
                                : number_value(r, f, p.value)))
            return emit_within_index(r->m, done);
        done++;
    }
    return emit_close(r->m, ']');
}

/* ---- maps */

/* "key": of whatever type it is. */
static bool key_value(struct reader *r, const struct proto_field *f,
                      struct list of)
{
    if (f->kind == PROTO_STRING)
        return single_value(r, f, of);
    return emit_raw(r->m, STR("\"")) && single_value(r, f, of) &&
           emit_raw(r->m, STR("\""));
}

static bool map_entry(struct reader *r, const struct proto_message *t,
                      struct str data)
{
    struct frame fr;
    const struct proto_field *key = t->low[1], *value = t->low[2];
    bool good = push(r, t, &fr) && scan(r, t, data, &fr);
    if (good) {
        struct list k = r->s->lists[fr.lists + key->index];
        struct list v = r->s->lists[fr.lists + value->index];
        good = key_value(r, key, k) && emit_raw(r->m, STR(":")) &&
               single_value(r, value, v);
    }
    pop(r, &fr);
    return good;
}

static bool map_value(struct reader *r, const struct proto_field *f,
                      struct list of)
{
    bool comma = false;
    if (!emit_open(r->m, '{'))
        return false;
    for (uint32_t i = of.head; i != NONE; i = r->s->pieces[i].next) {
        if (!emit_room(r->m, 1) || (comma && !emit_raw(r->m, STR(","))) ||
            !map_entry(r, f->message, r->s->pieces[i].bytes))
            return false;
        comma = true;
    }
    return emit_close(r->m, '}');
}

static bool field_value(struct reader *r, const struct proto_field *f,
                        struct list of)
{
    if (!f->repeated)
        return single_value(r, f, of);
    return f->message && f->message->map_entry ? map_value(r, f, of)
                                               : repeated_value(r, f, of);
}

/* ---- messages */

static bool plain_message(struct reader *r, const struct proto_message *t,
                          const struct frame *fr)
{
    bool comma = false;
    if (!emit_open(r->m, '{'))
        return false;
    for (size_t i = 0; i < t->n; i++) {
        const struct proto_field *f = t->fields[i];
        struct list of = r->s->lists[fr->lists + i];
        if (of.head == NONE && f->presence)
            continue;
        if (comma && !emit_raw(r->m, STR(",")))
            return false;
        comma = true;
        if (!emit_raw(r->m, r->json_names ? f->json_lead : f->lead))
            return false;
        if (!field_value(r, f, of))
            return emit_within(r->m, f->name);
    }
    return emit_close(r->m, '}');
}

/* The field that is set, or the first one, without its key. */
static bool bare_message(struct reader *r, const struct proto_message *t,
                         const struct frame *fr)
{
    for (size_t i = 0; i < t->n; i++) {
        struct list of = r->s->lists[fr->lists + i];
        if (of.head != NONE)
            return field_value(r, t->fields[i], of);
    }
    return field_value(r, t->fields[0], (struct list){ NONE, NONE });
}

static bool fields(struct reader *r, const struct proto_message *t,
                   struct str data)
{
    struct frame fr;
    bool good = push(r, t, &fr) && scan(r, t, data, &fr) &&
                (t->form == PROTO_BARE ? bare_message(r, t, &fr)
                                       : plain_message(r, t, &fr));
    pop(r, &fr);
    return good;
}

static bool message(struct reader *r, const struct proto_message *t,
                    struct str data)
{
    bool good = false;
    if (r->nesting == NESTING_MAX)
        return emit_fault(r->m, "too_deep", "more than %d messages nested",
                          NESTING_MAX);
    r->nesting++;
    switch (t->form) {
    case PROTO_PLAIN:
    case PROTO_BARE: good = fields(r, t, data); break;
    default: good = proto_known(t, data, r->m);
    }
    r->nesting--;
    return good;
}

bool proto_decode(const struct proto_message *type, struct str data,
                  bool json_names, struct proto_scratch *s, struct emit *m)
{
    struct reader r = { s, m, json_names, 0 };
    m->why->code = NULL;
    s->n_pieces = s->n_lists = s->n_cases = 0;
    return message(&r, type, data) && emit_room(m, 0);
}
