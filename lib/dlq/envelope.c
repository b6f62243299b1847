#include "dlq/envelope.h"

#include "base/date.h"
#include "base/base64.h"
#include "json/check.h"
#include "json/number.h"
#include "json/utf8.h"

#include <stdlib.h>

/* ---- ids */

static void hash_u64(XXH3_state_t *h, uint64_t v)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    XXH3_128bits_update(h, bytes, sizeof(bytes));
}

static void hash_part(XXH3_state_t *h, struct str s, uint64_t length)
{
    hash_u64(h, length);
    XXH3_128bits_update(h, s.p, s.n);
}

static void hash_subject(XXH3_state_t *h, const struct dlq_letter *l)
{
    XXH3_128bits_reset(h);
    hash_part(h, l->pipeline, l->pipeline.n);
    hash_part(h, l->partition, l->partition.n);
    hash_part(h, l->stage, l->stage.n);
    hash_part(h, l->raw, l->length);
}

static struct hash128 digest(const XXH3_state_t *h)
{
    XXH128_hash_t v = XXH3_128bits_digest(h);
    return (struct hash128){ v.low64, v.high64 };
}

struct hash128 envelope_subject(const struct dlq_letter *l)
{
    XXH3_state_t h;
    hash_subject(&h, l);
    return digest(&h);
}

struct hash128 envelope_id(const struct dlq_letter *l, uint64_t occurrence)
{
    XXH3_state_t h;
    hash_subject(&h, l);
    hash_u64(&h, occurrence);
    return digest(&h);
}

int envelope_parse_id(struct hash128 *id, struct str hex)
{
    uint64_t half[2] = { 0, 0 };
    if (hex.n != 32)
        return -1;
    for (size_t i = 0; i < 32; i++) {
        char c = hex.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return -1;
        half[i / 16] =
            half[i / 16] << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *id = (struct hash128){ .hi = half[0], .lo = half[1] };
    return 0;
}

/* ---- writing */

/* Writes the last n digits of v. */
static void put_digits(char *out, int v, int n)
{
    while (n--) {
        out[n] = (char)('0' + v % 10);
        v /= 10;
    }
}

int envelope_time(struct buf *out, int64_t us)
{
    int64_t days = us / 86400000000, rest = us % 86400000000;
    if (rest < 0) {
        rest += 86400000000;
        days--;
    }
    int s = (int)(rest / 1000000);
    char text[] = "T00:00:00.000000Z";
    put_digits(text + 1, s / 3600, 2);
    put_digits(text + 4, s / 60 % 60, 2);
    put_digits(text + 7, s % 60, 2);
    put_digits(text + 10, (int)(rest % 1000000), 6);
    date_format(out, days);
    return buf_addz(out, text);
}

/* A string for people: what is not UTF-8 is replaced. */
static void add_text(struct buf *out, struct str s)
{
    if (utf8_valid(s)) {
        json_quote(out, s);
        return;
    }
    struct buf clean = { 0 };
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = utf8_char(p, end);
        if (n)
            buf_add(&clean, p, n);
        else
            buf_addz(&clean, "\xef\xbf\xbd");
        p += n ? n : 1;
    }
    out->failed |= clean.failed;
    json_quote(out, buf_str(&clean));
    buf_free(&clean);
}

static void add_key(struct buf *out, const char *key)
{
    buf_addz(out, ",\"");
    buf_addz(out, key);
    buf_addz(out, "\":");
}

static void add_member(struct buf *out, const char *key, struct str s)
{
    if (s.n == 0)
        return;
    add_key(out, key);
    add_text(out, s);
}

static void add_count(struct buf *out, const char *key, uint64_t n)
{
    add_key(out, key);
    number_add_u64(out, n);
}

static void add_base64(struct buf *out, struct str s)
{
    buf_addc(out, '"');
    base64_encode(out, s);
    buf_addc(out, '"');
}

static void add_argv(struct buf *out, const char *const *argv)
{
    bool plain = true;
    for (size_t i = 0; argv && argv[i]; i++)
        plain = plain && utf8_valid(str_of(argv[i]));
    buf_addz(out, plain ? ",\"argv\":[" : ",\"argv_b64\":[");
    for (size_t i = 0; argv && argv[i]; i++) {
        if (i)
            buf_addc(out, ',');
        if (plain)
            json_quote(out, str_of(argv[i]));
        else
            add_base64(out, str_of(argv[i]));
    }
    buf_addc(out, ']');
}

static void add_cwd(struct buf *out, const char *cwd)
{
    if (!cwd)
        return;
    if (utf8_valid(str_of(cwd))) {
        add_member(out, "cwd", str_of(cwd));
    } else {
        buf_addz(out, ",\"cwd_b64\":");
        add_base64(out, str_of(cwd));
    }
}

static void add_env(struct buf *out)
{
    char names[] = DLQ_ENV, *save = NULL;
    bool first = true;
    buf_addz(out, ",\"env\":{");
    for (char *name = strtok_r(names, " ", &save); name;
         name = strtok_r(NULL, " ", &save)) {
        const char *value = getenv(name);
        if (!value)
            continue;
        buf_addf(out, "%s\"%s\":", first ? "" : ",", name);
        add_text(out, str_of(value));
        first = false;
    }
    buf_addc(out, '}');
}

static void add_source(struct buf *out, const struct dlq_letter *l,
                       struct str known)
{
    size_t at = out->n;
    buf_addz(out, ",\"source\":");
    if (known.n) {
        buf_add_str(out, known);
        return;
    }
    size_t open = out->n;
    add_member(out, "uri", l->uri);
    if (l->line)
        add_count(out, "line", l->line);
    if (l->line || l->offset)
        add_count(out, "offset", l->offset);
    add_member(out, "partition", l->partition);
    if (out->failed)
        return;
    if (out->n == open) {
        out->n = at;
        buf_addz(out, ",\"source\":{}");
    } else {
        out->p[open] = '{';
        buf_addc(out, '}');
    }
}

/* The context is JSON, where a line end can only be white space. */
static void add_context(struct buf *out, struct str context)
{
    if (context.n == 0)
        return;
    buf_addz(out, ",\"context\":");
    size_t at = out->n;
    buf_add_str(out, context);
    for (; at < out->n; at++)
        if (out->p[at] == '\n' || out->p[at] == '\r')
            out->p[at] = ' ';
}

static void add_errors(struct buf *out, const struct dlq_letter *l)
{
    buf_addz(out, ",\"errors\":[");
    for (size_t i = 0; i < l->n_errors; i++) {
        buf_addz(out, i ? ",{\"code\":" : "{\"code\":");
        add_text(out, str_of(l->errors[i].code));
        add_member(out, "path", l->errors[i].path);
        buf_addz(out, ",\"message\":");
        add_text(out, l->errors[i].message);
        add_member(out, "schema", l->errors[i].schema);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_raw(struct buf *out, struct str raw, uint64_t length)
{
    bool cut = length > raw.n;
    bool plain = !memchr(raw.p, '\0', raw.n) && utf8_valid(raw);
    /* A cut may have gone through a character: then it goes before it. */
    for (size_t n = 1; cut && !plain && n < 4 && n < raw.n; n++) {
        struct str less = { raw.p, raw.n - n };
        if (!memchr(less.p, '\0', less.n) && utf8_valid(less)) {
            raw = less;
            plain = true;
        }
    }
    buf_addz(out, plain ? ",\"raw\":" : ",\"raw_b64\":");
    if (plain)
        json_quote(out, raw);
    else
        add_base64(out, raw);
    if (cut)
        add_count(out, "raw_length", length);
}

int envelope_origin(struct buf *out, const struct dlq_letter *l)
{
    add_source(out, l, STR(""));
    add_errors(out, l);
    return out->failed ? -1 : 0;
}

int envelope_write(struct buf *out, const struct dlq_letter *l,
                   const struct envelope_facts *f)
{
    char hex[33];
    hash128_hex(f->id, hex);
    buf_addz(out, "{\"v\":1,\"id\":\"");
    buf_addz(out, hex);
    buf_addz(out, "\",\"ts\":\"");
    envelope_time(out, f->us);
    buf_addc(out, '"');
    add_member(out, "pipeline", l->pipeline);
    add_member(out, "run_id", l->run_id);
    add_member(out, "stage", l->stage);
    add_argv(out, l->argv);
    add_cwd(out, f->cwd);
    add_env(out);
    add_count(out, "attempt", f->attempt);
    buf_addz(out, l->transient ? ",\"class\":\"transient\""
                               : ",\"class\":\"permanent\"");
    add_source(out, l, f->source);
    add_context(out, l->context);
    add_errors(out, l);
    if (f->edits.n) {
        add_key(out, "edits");
        buf_add_str(out, f->edits);
    }
    add_raw(out, l->raw, l->length);
    buf_addz(out, "}\n");
    return out->failed ? -1 : 0;
}

/* ---- edits */

static bool is_one_of(struct str key, const char *const *names)
{
    for (; *names; names++)
        if (json_raw_equals(key, str_of(*names)))
            return true;
    return false;
}

/* Who did it when and how, and what was there. */
static void add_edit(struct buf *out, const struct envelope *v,
                     const struct dlq_edit *d, int64_t us)
{
    buf_addz(out, "{\"ts\":\"");
    envelope_time(out, us);
    buf_addc(out, '"');
    add_member(out, "by", d->by);
    add_key(out, "how");
    buf_add_str(out, d->how);
    add_key(out, v->raw.type == JSON_STRING ? "was" : "was_b64");
    buf_add_str(out, v->raw.type == JSON_STRING ? v->raw.raw : v->raw_b64.raw);
    if (v->raw_length.type != JSON_MISSING) {
        add_key(out, "was_length");
        buf_add_str(out, v->raw_length.raw);
    }
    buf_addc(out, '}');
}

int envelope_write_edit(struct buf *out, const struct envelope *v,
                        const struct dlq_edit *d, int64_t us)
{
    static const char *const anew[] = { "v",   "ts",      "edit_of",    "edits",
                                        "raw", "raw_b64", "raw_length", NULL };
    struct json_iter it = json_iter(v->text);
    struct str key;
    struct val val;
    buf_addz(out, "{\"v\":2");
    while (json_next(&it, &key, &val)) {
        if (is_one_of(key, anew))
            continue;
        buf_addz(out, ",\"");
        buf_add_str(out, key);
        buf_addz(out, "\":");
        buf_add_str(out, val.raw);
    }
    buf_addz(out, ",\"ts\":\"");
    envelope_time(out, us);
    buf_addz(out, "\",\"edit_of\":");
    buf_add_str(out, v->ts.raw);
    buf_addz(out, ",\"edits\":[");
    if (v->edits.type == JSON_ARRAY && v->edits.raw.n > 2) {
        buf_add_str(out,
                    (struct str){ v->edits.raw.p + 1, v->edits.raw.n - 2 });
        buf_addc(out, ',');
    }
    add_edit(out, v, d, us);
    buf_addc(out, ']');
    add_raw(out, d->raw, d->raw.n);
    return buf_addz(out, "}\n");
}

/* ---- marks */

static const char *const mark_names[] = { "replayed", "purged", "edited",
                                          "replaying", "released" };

int envelope_mark_letter(struct buf *out, struct hash128 id, const int64_t *of,
                         size_t n)
{
    char hex[33];
    hash128_hex(id, hex);
    buf_addf(out, "%s[\"%s\"", out->n ? "," : "", hex);
    for (size_t i = 0; i < n; i++) {
        buf_addz(out, ",\"");
        envelope_time(out, of[i]);
        buf_addc(out, '"');
    }
    return buf_addc(out, ']');
}

/* Who knows of no edits and journals must not take them for something else. */
int envelope_write_mark(struct buf *out, enum dlq_marks mark, struct str run_id,
                        struct str run, int64_t us, struct str letters)
{
    buf_addf(out, "{\"v\":%d,\"mark\":\"%s\",\"ts\":\"",
             mark > DLQ_MARK_PURGED ? 2 : 1, mark_names[mark]);
    envelope_time(out, us);
    buf_addc(out, '"');
    add_member(out, "run_id", run_id);
    add_member(out, "run", run);
    buf_addz(out, ",\"of\":[");
    buf_add_str(out, letters);
    return buf_addz(out, "]}\n");
}

/* ---- reading */

static void take_members(struct envelope *v, struct val *version,
                         struct val *attempt)
{
    struct {
        const char *key;
        struct val *val;
    } known[] = {
        { "v", version },
        { "id", &v->id_text },
        { "ts", &v->ts },
        { "pipeline", &v->pipeline },
        { "run_id", &v->run_id },
        { "stage", &v->stage },
        { "argv", &v->argv },
        { "argv_b64", &v->argv_b64 },
        { "cwd", &v->cwd },
        { "cwd_b64", &v->cwd_b64 },
        { "env", &v->env },
        { "attempt", attempt },
        { "class", &v->class },
        { "source", &v->source },
        { "context", &v->context },
        { "errors", &v->errors },
        { "raw", &v->raw },
        { "raw_b64", &v->raw_b64 },
        { "raw_length", &v->raw_length },
        { "edit_of", &v->edit_of },
        { "edits", &v->edits },
        { "run", &v->run },
        { "mark", &v->mark },
        { "of", &v->of },
    };
    struct json_iter it = json_iter(v->text);
    struct str key;
    struct val val;
    while (json_next(&it, &key, &val))
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            if (json_raw_equals(key, str_of(known[i].key)))
                *known[i].val = val;
}

/* The text of a string that has no escapes, as ids and times have none. */
static struct str inner(struct val v)
{
    if (v.type != JSON_STRING || v.raw.n < 2)
        return (struct str){ "", 0 };
    return (struct str){ v.raw.p + 1, v.raw.n - 2 };
}

static int read_mark(struct envelope *v, int64_t version)
{
    int n = (int)(sizeof(mark_names) / sizeof(*mark_names));
    int kind = version > 1 ? DLQ_MARK_EDITED : DLQ_MARK_REPLAYED;
    int end = version > 1 ? n : DLQ_MARK_EDITED;
    while (kind < end &&
           !json_raw_equals(inner(v->mark), str_of(mark_names[kind])))
        kind++;
    v->kind = (enum dlq_marks)kind;
    return kind < end && v->of.type == JSON_ARRAY ? 0 : -1;
}

int envelope_parse(struct envelope *v, struct str line)
{
    struct json_fault fault;
    struct val version = { 0 }, attempt = { 0 };
    int64_t n;
    *v = (struct envelope){ .text = line };
    if (json_check_object(line, JSON_DEPTH_DEFAULT + 2, &fault))
        return -1;
    take_members(v, &version, &attempt);
    if (version.type != JSON_NUMBER || !number_to_i64(version.raw, &n) ||
        n < 1 || n > 2)
        return -1;
    if (!time_parse(inner(v->ts), NULL, &v->us))
        return -1;
    if (v->mark.type == JSON_STRING)
        return read_mark(v, n);
    if (v->edit_of.type != JSON_MISSING &&
        !time_parse(inner(v->edit_of), NULL, &v->base_us))
        return -1;
    if (envelope_parse_id(&v->id, inner(v->id_text)))
        return -1;
    if (attempt.type != JSON_NUMBER || !number_to_i64(attempt.raw, &n) || n < 1)
        return -1;
    v->attempt = (uint64_t)n;
    return v->stage.type == JSON_STRING && (v->raw.type == JSON_STRING ||
                                            v->raw_b64.type == JSON_STRING)
               ? 0
               : -1;
}

struct hash128 envelope_line_key(struct hash128 id, int64_t us)
{
    uint64_t words[3] = { id.lo, id.hi, (uint64_t)us };
    return hash128((struct str){ (const char *)words, sizeof(words) });
}

struct envelope_of envelope_of(const struct envelope *mark)
{
    return (struct envelope_of){ .ids = json_iter(mark->of.raw),
                                 .times = json_iter(STR("[]")) };
}

bool envelope_next_of(struct envelope_of *of)
{
    struct val v;
    for (;;) {
        while (json_next(&of->times, NULL, &v))
            if (time_parse(inner(v), NULL, &of->us))
                return true;
        if (!json_next(&of->ids, NULL, &v))
            return false;
        of->times = json_iter(v.type == JSON_ARRAY ? v.raw : STR("[]"));
        if (json_next(&of->times, NULL, &v) &&
            envelope_parse_id(&of->id, inner(v)))
            of->times = json_iter(STR("[]"));
    }
}

int envelope_raw(struct buf *out, const struct envelope *v)
{
    if (v->raw.type == JSON_STRING)
        return json_unescape(out, inner(v->raw));
    if (v->raw_b64.type == JSON_STRING)
        return base64_decode(out, inner(v->raw_b64));
    return -2;
}
