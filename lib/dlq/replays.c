#include "dlq/replays.h"

#include "dlq/envelope.h"
#include "io/lines.h"
#include "json/check.h"
#include "json/number.h"

#include <inttypes.h>
#include <stdlib.h>

/* What was edited stands in it with all that was there before. */
#define LINE_MAX_BYTES DLQ_LINE_MAX

int replays_write_target(struct buf *out, const char *uri)
{
    buf_addz(out, "{\"target\":");
    json_quote(out, str_of(uri));
    return buf_addz(out, "}\n");
}

int replays_write(struct buf *out, struct hash128 id, uint64_t attempt,
                  struct hash128 raw, struct str source, struct str edits)
{
    char id_hex[33], raw_hex[33];
    hash128_hex(id, id_hex);
    hash128_hex(raw, raw_hex);
    buf_addf(out, "{\"id\":\"%s\",\"attempt\":%" PRIu64 ",\"raw\":\"%s\"",
             id_hex, attempt, raw_hex);
    if (source.n) {
        buf_addz(out, ",\"source\":");
        buf_add_str(out, source);
    }
    if (edits.n) {
        buf_addz(out, ",\"edits\":");
        buf_add_str(out, edits);
    }
    return buf_addz(out, "}\n");
}

static int take_target(struct replays *r, struct val line)
{
    struct buf text = { .max = LINE_MAX_BYTES };
    struct str uri;
    struct val v = json_get(line, STR("target"));
    if (v.type != JSON_STRING || json_string(v, &text, &uri) == 0)
        r->target = v.type == JSON_STRING ? strndup(uri.p, uri.n) : NULL;
    buf_free(&text);
    return r->target ? 0 : -1;
}

static int hash_member(struct val line, struct str key, struct hash128 *h)
{
    struct val v = json_get(line, key);
    if (v.type != JSON_STRING)
        return -1;
    return envelope_parse_id(h, (struct str){ v.raw.p + 1, v.raw.n - 2 });
}

/* A value of this type, if it is there. */
static int keep(struct replays *r, struct val v, enum json_type type,
                struct str *kept)
{
    if (v.type != type)
        return 0;
    *kept = arena_dup(&r->text, v.raw);
    return kept->p ? 0 : -1;
}

/* Puts a letter at the end of those with the same bytes. */
static int take_letter(struct replays *r, struct val line)
{
    struct hash128 raw;
    struct replay new = { 0 };
    int64_t attempt;
    struct val v = json_get(line, STR("attempt"));
    if (hash_member(line, STR("id"), &new.id) ||
        hash_member(line, STR("raw"), &raw) || v.type != JSON_NUMBER ||
        !number_to_i64(v.raw, &attempt) || attempt < 1)
        return -1;
    new.attempt = (uint64_t)attempt;
    if (keep(r, json_get(line, STR("source")), JSON_OBJECT, &new.source) ||
        keep(r, json_get(line, STR("edits")), JSON_ARRAY, &new.edits))
        return -1;
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct replay *p = realloc(r->v, cap * sizeof(*p));
        if (!p)
            return -1;
        r->v = p;
        r->cap = cap;
    }
    uint64_t *at = idmap_at(&r->by_raw, raw);
    if (!at)
        return -1;
    r->v[r->n++] = new;
    if (*at == 0)
        *at = r->n;
    else
        r->v[r->v[*at - 1].last - 1].next = r->n;
    r->v[*at - 1].last = r->n;
    return 0;
}

static int take_line(struct replays *r, struct str text)
{
    struct json_fault fault;
    struct val line = { JSON_OBJECT, text };
    if (json_check_object(text, JSON_DEPTH_DEFAULT, &fault))
        return -1;
    return r->target ? take_letter(r, line) : take_target(r, line);
}

int replays_load(struct replays *r, struct err *e)
{
    struct input in;
    struct lines lines;
    struct line line;
    const char *path = getenv(REPLAYS_ENV);
    *r = (struct replays){ .behind = !path || !*path };
    if (r->behind)
        path = getenv(REPLAYS_ENV_BEHIND);
    if (!path || !*path)
        return 0;
    if (input_open(&in, path, e))
        return -1;
    in.raw = true;
    if (lines_init(&lines, &in, LINE_MAX_BYTES, e)) {
        input_close(&in);
        return -1;
    }
    int more;
    while ((more = lines_next(&lines, &line, e)) == 1)
        if (line.too_long || take_line(r, line.text)) {
            more = err_set(e, ERR_CONFIG,
                           "bad line %llu in '%s', which a replay named",
                           (unsigned long long)line.line, path);
            break;
        }
    if (more == 0 && !r->target)
        more = err_set(e, ERR_CONFIG, "'%s', which a replay named, is empty",
                       path);
    lines_free(&lines);
    input_close(&in);
    if (more)
        replays_free(r);
    return more;
}

bool replays_take(struct replays *r, struct hash128 raw, struct replay *taken)
{
    if (!idmap_get(&r->by_raw, raw))
        return false;
    uint64_t *at = idmap_at(&r->by_raw, raw);
    if (!at || *at > r->n)
        return false;
    *taken = r->v[*at - 1];
    *at = taken->next ? taken->next : r->n + 1;
    return true;
}

void replays_free(struct replays *r)
{
    free(r->target);
    free(r->v);
    arena_free(&r->text);
    idmap_free(&r->by_raw);
    *r = (struct replays){ 0 };
}
