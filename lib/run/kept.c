#include "run/kept.h"

#include "base/hash.h"
#include "json/check.h"
#include "json/value.h"
#include "run/state.h"

#define FILE_MAX ((size_t)64 << 20)

int kept_path(struct buf *path, const char *state_dir, const char *pipeline,
              struct str source, struct err *e)
{
    char hex[33];
    buf_addf(path, "%s/positions/%s", state_dir, pipeline);
    if (!buf_z(path))
        return err_nomem(e);
    if (state_folder(path->p, e))
        return -1;
    hash128_hex(hash128(source), hex);
    buf_addf(path, "/%s.json", hex);
    return buf_z(path) ? 0 : err_nomem(e);
}

static int not_one(const char *path, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "'%s' is no file of positions: it is empty, damaged or "
                   "another's",
                   path);
}

static int read_text(struct val v, struct buf *out)
{
    struct str text;
    struct buf scratch = { 0 };
    int r = v.type != JSON_STRING || json_string(v, &scratch, &text)
                ? -1
                : buf_add_str(out, text);
    buf_free(&scratch);
    return r || !buf_z(out) ? -1 : 0;
}

static int read_object(struct kept *k, struct val o, const char *path,
                       struct err *e)
{
    struct buf source = { 0 };
    struct val pending = json_get(o, STR("pending"));
    int r =
        read_text(json_get(o, STR("source")), &source) ? not_one(path, e) : 0;
    if (r == 0 && (positions_init(&k->committed, buf_str(&source), e) ||
                   positions_init(&k->pending, buf_str(&source), e)))
        r = -1;
    buf_free(&source);
    if (r || positions_read(&k->committed, o.raw, e))
        return -1;
    if (pending.type == JSON_MISSING)
        return 0;
    if (read_text(json_get(pending, STR("run")), &k->owner))
        return not_one(path, e);
    return positions_read(&k->pending, pending.raw, e);
}

int kept_read(struct kept *k, const char *path, struct err *e)
{
    struct buf text = { .max = FILE_MAX };
    struct json_fault fault;
    int r = state_read(path, FILE_MAX, &text, e);
    if (r > 0) {
        if (json_check_object(buf_str(&text), JSON_DEPTH_DEFAULT, &fault))
            r = not_one(path, e);
        else if (read_object(k, json_val(buf_str(&text)), path, e)) {
            r = -1;
            if (e->code == ERR_DATA)
                not_one(path, e);
        }
    }
    buf_free(&text);
    return r;
}

int kept_write(const struct kept *k, const char *path, struct err *e)
{
    struct buf b = { .max = FILE_MAX };
    positions_write(&k->committed, &b);
    if (k->owner.n && !b.failed) {
        b.n--; /* the closing brace */
        buf_addz(&b, ",\"pending\":");
        positions_write(&k->pending, &b);
        if (!b.failed)
            b.n--;
        buf_addz(&b, ",\"run\":");
        json_quote(&b, buf_str(&k->owner));
        buf_addz(&b, "}}");
    }
    buf_addc(&b, '\n');
    int r = b.failed ? err_nomem(e) : state_write(path, buf_str(&b), e);
    buf_free(&b);
    return r;
}

int kept_resolve(struct kept *k, bool promote, struct err *e)
{
    if (promote) {
        struct positions was = k->committed;
        k->committed = k->pending;
        k->pending = was;
        for (size_t i = 0; i < k->committed.n; i++)
            position_settle(&k->committed.v[i]);
        /* Partitions that the run did not touch stay. */
        for (size_t i = 0; i < was.n; i++) {
            struct position *p;
            if (positions_find(&k->committed, was.v[i].partition))
                continue;
            if (!(p = positions_at(&k->committed, was.v[i].partition, e)) ||
                position_copy(p, &was.v[i], e))
                return -1;
        }
    }
    positions_clear(&k->pending);
    buf_reset(&k->owner);
    return 0;
}

int kept_promote(const char *path, const char *run_dir, struct err *e)
{
    struct kept k = { 0 };
    int r = kept_read(&k, path, e);
    if (r > 0 && k.owner.n && strcmp(k.owner.p, run_dir) == 0)
        r = kept_resolve(&k, true, e) || kept_write(&k, path, e) ? -1 : 0;
    kept_free(&k);
    return r < 0 ? -1 : 0;
}

void kept_free(struct kept *k)
{
    positions_free(&k->committed);
    positions_free(&k->pending);
    buf_free(&k->owner);
}
