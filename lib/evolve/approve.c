/* approve: what may drift: the policy, the signed-off list, and how drift is
 * told. */
#include "evolve/drift.h"

#include "base/hash.h"
#include "json/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const kinds[] = { "add", "remove", "type" };
static const char *const rules[] = { "allow", "approve", "block" };
static const char *const verdicts[] = { "allowed", "approved", "unapproved",
                                        "blocked" };

const struct drift_policy drift_policy_default = {
    { [DRIFT_ADD] = DRIFT_ALLOW,
      [DRIFT_REMOVE] = DRIFT_APPROVE,
      [DRIFT_TYPE] = DRIFT_BLOCK }
};

const char *drift_kind_name(enum drift_kind k)
{
    return kinds[k];
}

static int find(const char *const *list, size_t n, struct str word)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(word, str_of(list[i])))
            return (int)i;
    return -1;
}

int drift_policy_parse(struct drift_policy *p, const char *text, struct err *e)
{
    bool given[DRIFT_KINDS] = { false };
    while (*text) {
        size_t n = strcspn(text, ","), k = strcspn(text, "=,");
        int kind = find(kinds, DRIFT_KINDS, (struct str){ text, k });
        int rule = k < n
                       ? find(rules, 3, (struct str){ text + k + 1, n - k - 1 })
                       : -1;
        if (kind < 0 || rule < 0)
            return err_set(e, ERR_USAGE,
                           "option --evolve: '%.*s' is not add, remove or type "
                           "with =allow, =approve or =block",
                           (int)(n < 100 ? n : 100), text);
        if (given[kind])
            return err_set(e, ERR_USAGE, "option --evolve: '%s' is given twice",
                           kinds[kind]);
        given[kind] = true;
        p->rule[kind] = (enum drift_rule)rule;
        text += n + (text[n] == ',');
    }
    return 0;
}

/* ---- the list ---- */

struct approval {
    enum drift_kind kind;
    struct str pointer; /* .p NULL: an empty slot */
};

struct approvals {
    struct arena arena;
    struct approval *slots; /* owned; open addressing */
    size_t n, cap;
};

static struct approval *slot_of(const struct approvals *a, enum drift_kind kind,
                                struct str pointer)
{
    size_t mask = a->cap - 1, i = (hash64(pointer) + kind) & mask;
    while (a->slots[i].pointer.p &&
           (a->slots[i].kind != kind || !str_eq(a->slots[i].pointer, pointer)))
        i = (i + 1) & mask;
    return &a->slots[i];
}

bool approvals_have(const struct approvals *a, enum drift_kind kind,
                    struct str pointer)
{
    return a && a->cap && slot_of(a, kind, pointer)->pointer.p;
}

static int grow(struct approvals *a, struct err *e)
{
    struct approvals old = *a;
    a->cap = a->cap ? a->cap * 2 : 64;
    a->slots = calloc(a->cap, sizeof(*a->slots));
    if (!a->slots) {
        *a = old;
        return err_nomem(e);
    }
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i].pointer.p)
            *slot_of(a, old.slots[i].kind, old.slots[i].pointer) = old.slots[i];
    free(old.slots);
    return 0;
}

static int add(struct approvals *a, enum drift_kind kind, struct str pointer,
               struct err *e)
{
    if (a->n * 2 >= a->cap && grow(a, e))
        return -1;
    struct approval *to = slot_of(a, kind, pointer);
    if (to->pointer.p)
        return 0;
    *to = (struct approval){ kind, arena_dup(&a->arena, pointer) };
    a->n++;
    return to->pointer.p ? 0 : err_nomem(e);
}

static int bad(struct err *e, const char *path, uint64_t line, const char *why)
{
    e->line = line;
    return err_set(e, ERR_CONFIG, "approvals %s, line %" PRIu64 ": %s", path,
                   line, why);
}

/* The characters of a string, in the arena. */
static int text_of(struct approvals *a, struct val v, struct str *out)
{
    struct buf b = { 0 };
    int r = json_string(v, &b, out);
    if (r == 0)
        *out = arena_dup(&a->arena, *out);
    buf_free(&b);
    return r || !out->p ? -1 : 0;
}

static int add_object(struct approvals *a, struct val v, const char *path,
                      uint64_t line, struct err *e)
{
    struct val kind = json_get(v, STR("kind"));
    struct val pointer = json_get(v, STR("pointer"));
    struct str word, place;
    if (v.type != JSON_OBJECT || kind.type != JSON_STRING ||
        pointer.type != JSON_STRING)
        return bad(e, path, line, "an object with kind and pointer is wanted");
    if (text_of(a, kind, &word) || text_of(a, pointer, &place))
        return err_nomem(e);
    int k = find(kinds, DRIFT_KINDS, word);
    if (k < 0)
        return bad(e, path, line, "kind is not add, remove or type");
    return add(a, (enum drift_kind)k, place, e);
}

static struct str trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' ||
                   s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* "KIND POINTER", where the pointer ends before " #". */
static int add_words(struct approvals *a, struct str s, const char *path,
                     uint64_t line, struct err *e)
{
    size_t n = 0;
    for (size_t i = 1; i < s.n; i++)
        if (s.p[i] == '#' && (s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            s.n = i;
    s = trim(s);
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
        n++;
    int kind = find(kinds, DRIFT_KINDS, (struct str){ s.p, n });
    struct str pointer = trim((struct str){ s.p + n, s.n - n });
    if (kind < 0 || (pointer.n && pointer.p[0] != '/'))
        return bad(e, path, line,
                   "add, remove or type and a JSON Pointer are wanted");
    return add(a, (enum drift_kind)kind, pointer, e);
}

static int add_line(struct approvals *a, struct str s, const char *path,
                    uint64_t line, struct err *e)
{
    struct json_fault f;
    s = trim(s);
    if (s.n == 0 || s.p[0] == '#')
        return 0;
    if (s.p[0] != '{')
        return add_words(a, s, path, line, e);
    if (json_check_object(s, JSON_DEPTH_DEFAULT, &f))
        return bad(e, path, line, f.why);
    return add_object(a, json_val(s), path, line, e);
}

static uint64_t line_at(struct str text, const char *p)
{
    uint64_t line = 1;
    for (const char *q = text.p; q < p && q < text.p + text.n; q++)
        line += *q == '\n';
    return line;
}

static int add_array(struct approvals *a, struct str text, const char *path,
                     struct err *e)
{
    struct json_fault f;
    struct val v;
    if (json_check_value(text, JSON_DEPTH_DEFAULT, &f))
        return bad(e, path, line_at(text, text.p + f.offset), f.why);
    struct json_iter it = json_iter(json_val(text).raw);
    const char *counted = text.p;
    uint64_t line = 1;
    while (json_next(&it, NULL, &v)) {
        for (; counted < v.raw.p; counted++)
            line += *counted == '\n';
        if (add_object(a, v, path, line, e))
            return -1;
    }
    return 0;
}

static int parse(struct approvals *a, struct str text, const char *path,
                 struct err *e)
{
    const char *p = json_skip_space(text.p, text.p + text.n);
    uint64_t line = 1;
    if (p < text.p + text.n && *p == '[')
        return add_array(a, text, path, e);
    for (; text.n; line++) {
        const char *lf = memchr(text.p, '\n', text.n);
        size_t n = lf ? (size_t)(lf - text.p) : text.n;
        if (add_line(a, (struct str){ text.p, n }, path, line, e))
            return -1;
        n += lf != NULL;
        text = (struct str){ text.p + n, text.n - n };
    }
    return 0;
}

static int read_all(int fd, const char *path, struct buf *b, struct err *e)
{
    b->max = DRIFT_APPROVALS_BYTES;
    for (;;) {
        if (buf_reserve(b, 65536))
            return err_set(e, ERR_CONFIG, "approvals %s are too long", path);
        ssize_t n = read(fd, b->p + b->n, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, ERR_IO, errno, "cannot read approvals %s", path);
        if (n == 0)
            return 0;
        b->n += (size_t)n;
    }
}

struct approvals *approvals_load(const char *path, struct err *e)
{
    struct approvals *a = calloc(1, sizeof(*a));
    struct buf text = { 0 };
    if (!a) {
        err_nomem(e);
        return NULL;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        err_sys(e, ERR_IO, errno, "cannot open approvals %s", path);
    int r = fd < 0 || read_all(fd, path, &text, e) ||
            parse(a, buf_str(&text), path, e);
    if (fd >= 0)
        close(fd);
    buf_free(&text);
    if (r == 0)
        return a;
    approvals_free(a);
    return NULL;
}

void approvals_free(struct approvals *a)
{
    if (!a)
        return;
    arena_free(&a->arena);
    free(a->slots);
    free(a);
}

/* ---- telling ---- */

int drift_text(struct buf *out, const struct drift_item *i, bool verdict)
{
    struct str at = i->pointer.n ? i->pointer : STR("/");
    const char *s = i->records == 1 ? "" : "s";
    switch (i->kind) {
    case DRIFT_ADD:
        buf_addz(out, "field ");
        buf_add_str(out, at);
        buf_addf(out, " is unknown to the schema, in %" PRIu64 " record%s",
                 i->records, s);
        break;
    case DRIFT_REMOVE:
        buf_addz(out, "property ");
        buf_add_str(out, at);
        buf_addf(out, " is in none of %" PRIu64 " record%s", i->records, s);
        break;
    case DRIFT_TYPE:
    case DRIFT_KINDS:
        buf_addz(out, "value at ");
        buf_add_str(out, at);
        buf_addf(out, " has another type in %" PRIu64 " record%s", i->records,
                 s);
    }
    if (i->line)
        buf_addf(out, ", first in line %" PRIu64, i->line);
    if (verdict)
        buf_addf(out, " (%s, %s)", kinds[i->kind], verdicts[i->verdict]);
    return out->failed ? -1 : 0;
}

int drift_judge(const struct drift_report *report, struct err *e)
{
    struct buf b = { .max = 800 };
    size_t i = 0;
    if (!report->failed)
        return 0;
    while (report->v[i].verdict < DRIFT_UNAPPROVED)
        i++;
    drift_text(&b, &report->v[i], true);
    const char *text = b.failed ? "a field with a long name" : buf_z(&b);
    if (report->failed > 1)
        err_set(e, ERR_DATA, "schema drift: %s, and %zu more", text ? text : "",
                report->failed - 1);
    else
        err_set(e, ERR_DATA, "schema drift: %s", text ? text : "");
    buf_free(&b);
    return -1;
}
