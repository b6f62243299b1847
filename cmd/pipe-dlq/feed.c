/* The letters of a replay, sorted into the processes that read them. */
#include "feed.h"

#include "base/base64.h"
#include "base/date.h"
#include "dlq/idmap.h"
#include "dlq/replays.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Letters come from a file, and what a file says is not simply run: only
 * these, from the folder that we were started from. */
static const char *const stages[] = { "pipe-extract", "pipe-validate",
                                      "pipe-dedup",   "pipe-transform",
                                      "pipe-join",    "pipe-aggregate",
                                      "pipe-load",    NULL };

/* ---- strings of an envelope */

static char *string_of(struct val v, bool base64)
{
    struct buf text = { .max = DLQ_LINE_MAX };
    int r = -1;
    if (v.type == JSON_STRING && base64)
        r = base64_decode(&text, (struct str){ v.raw.p + 1, v.raw.n - 2 });
    else if (v.type == JSON_STRING)
        r = text_of(&text, v);
    if (r == 0 && buf_z(&text) && strlen(text.p) == text.n)
        return text.p; /* the caller's from here on */
    buf_free(&text);
    return NULL;
}

static void free_strings(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

static int take_argv(struct group *g, const struct envelope *v)
{
    bool base64 = v->argv.type != JSON_ARRAY;
    struct val list = base64 ? v->argv_b64 : v->argv;
    struct json_iter it = json_iter(list.raw);
    struct val word;
    size_t n = 0;
    if (list.type != JSON_ARRAY)
        return -1;
    while (json_next(&it, NULL, &word))
        n++;
    g->argv = calloc(n + 1, sizeof(*g->argv));
    it = json_iter(list.raw);
    for (size_t i = 0; g->argv && json_next(&it, NULL, &word); i++)
        if (!(g->argv[i] = string_of(word, base64)))
            return -1;
    return g->argv && g->argv[0] ? 0 : -1;
}

/* What stood in for options then does so now, and nothing else does. */
static int take_env(struct group *g, const struct envelope *v)
{
    char names[] = DLQ_ENV, *save = NULL;
    size_t n = 0;
    g->env = calloc(sizeof(names) + 1, sizeof(*g->env));
    if (!g->env)
        return -1;
    for (char *name = strtok_r(names, " ", &save); name;
         name = strtok_r(NULL, " ", &save)) {
        char *value = string_of(json_get(v->env, str_of(name)), false);
        int r = value ? asprintf(&g->env[n], "%s=%s", name, value)
                      : asprintf(&g->env[n], "%s", name);
        free(value);
        if (r < 0)
            return -1;
        n++;
    }
    return 0;
}

/* ---- groups */

/* The tool of this name beside our own program. */
static char *tool_path(const char *name)
{
    char self[4096], *path = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash ||
        asprintf(&path, "%.*s/%s", (int)(slash - self), self, name) < 0)
        return NULL;
    return path;
}

/* A replace would leave only the replayed records in the table. */
static bool replaces(char **argv)
{
    static const char word[] = "replace";
    for (; *argv; argv++) {
        size_t n = strlen(*argv), w = sizeof(word) - 1;
        if (strcmp(*argv, word) == 0 ||
            ((*argv)[0] == '-' && n > w && strcmp(*argv + n - w, word) == 0))
            return true;
    }
    return false;
}

static int find_stage(struct group *g, struct err *e)
{
    const char *slash = strrchr(g->argv[0], '/');
    const char *name = slash ? slash + 1 : g->argv[0];
    size_t i = 0;
    while (stages[i] && strcmp(stages[i], name) != 0)
        i++;
    if (!stages[i])
        return err_set(e, ERR_NOPERM,
                       "the letters name '%s' as their stage, which is none of "
                       "ours (--through CMD feeds them to another)",
                       g->argv[0]);
    g->loads = strcmp(name, "pipe-load") == 0;
    if (g->loads && replaces(g->argv))
        return err_set(e, ERR_CONFIG,
                       "the letters are from a load that replaces: it would "
                       "leave nothing but them (--through 'pipe-load ... "
                       "--mode append' adds them)");
    g->path = tool_path(name);
    if (!g->path)
        return err_nomem(e);
    if (access(g->path, X_OK) != 0)
        return err_set(e, ERR_UNAVAILABLE, "cannot run '%s'", g->path);
    return 0;
}

static int take_recorded(struct group *g, const struct envelope *v,
                         struct err *e)
{
    if (take_argv(g, v) || take_env(g, v)) {
        char hex[33];
        hash128_hex(v->id, hex);
        return err_set(e, ERR_DATA,
                       "letter %s does not say how to run its stage", hex);
    }
    g->cwd = string_of(v->cwd, false);
    if (!g->cwd)
        g->cwd = string_of(v->cwd_b64, true);
    return find_stage(g, e);
}

static int take_through(struct group *g, const char *cmd, struct err *e)
{
    const char *const words[] = { "bash", "-eo", "pipefail", "-c", cmd };
    size_t n = sizeof(words) / sizeof(*words);
    g->argv = calloc(n + 1, sizeof(*g->argv));
    g->path = strdup("bash");
    for (size_t i = 0; g->argv && i < n; i++)
        if (!(g->argv[i] = strdup(words[i])))
            return err_nomem(e);
    return g->argv && g->path ? 0 : err_nomem(e);
}

static int new_group(struct feed *f, const struct args *a,
                     const struct envelope *v, struct err *e)
{
    if (f->n_groups == f->cap_groups) {
        size_t cap = f->cap_groups ? f->cap_groups * 2 : 16;
        struct group *g = realloc(f->groups, cap * sizeof(*g));
        if (!g)
            return err_nomem(e);
        f->groups = g;
        f->cap_groups = cap;
    }
    struct group *g = &f->groups[f->n_groups++];
    *g = (struct group){ .pipeline = string_of(v->pipeline, false) };
    return a->through ? take_through(g, a->through, e) : take_recorded(g, v, e);
}

/* What has to agree for two letters to be read by one process. */
static struct hash128 group_key(const struct args *a, const struct envelope *v)
{
    const struct val parts[] = { v->stage,   v->argv, v->argv_b64, v->cwd,
                                 v->cwd_b64, v->env,  v->context };
    XXH3_state_t h;
    XXH3_128bits_reset(&h);
    XXH3_128bits_update(&h, v->pipeline.raw.p, v->pipeline.raw.n);
    for (size_t i = 0; !a->through && i < sizeof(parts) / sizeof(*parts); i++) {
        XXH3_128bits_update(&h, "\n", 1); /* no raw value holds one */
        XXH3_128bits_update(&h, parts[i].raw.p, parts[i].raw.n);
    }
    XXH128_hash_t d = XXH3_128bits_digest(&h);
    return (struct hash128){ d.low64, d.high64 };
}

/* When the bytes were edited last, in which attempt ever; 0: never. */
static int64_t last_edit(const struct envelope *v)
{
    struct json_iter it = json_iter(v->edits.raw);
    struct val edit, ts;
    int64_t us = 0;
    while (v->edits.type == JSON_ARRAY && json_next(&it, NULL, &edit)) {
        ts = json_get(edit, STR("ts"));
        if (ts.raw.n > 2)
            (void)time_parse((struct str){ ts.raw.p + 1, ts.raw.n - 2 }, NULL,
                             &us);
    }
    return us;
}

static int sort_letter(struct feed *f, struct idmap *keys, const struct args *a,
                       struct pick *p, size_t entry, struct err *e)
{
    const struct dlq_place *place = dlq_read_place(&p->read, entry);
    struct envelope v;
    if (dlq_read_get(&p->read, entry, &v, e))
        return -1;
    if (v.raw_length.type != JSON_MISSING) {
        f->cut++;
        return 0;
    }
    /* Not fed again unless they were asked for. */
    if (dlq_is_poison(place, p->max_attempts) &&
        !(a->state && strcmp(a->state, "poison") == 0)) {
        f->worn++;
        return 0;
    }
    uint64_t *at = idmap_at(keys, group_key(a, &v));
    if (!at)
        return err_nomem(e);
    if (*at == 0) {
        *at = f->n_groups + 1;
        if (new_group(f, a, &v, e))
            return -1;
    }
    f->v[f->n++] = (struct fed){ .entry = entry,
                                 .id = v.id,
                                 .attempt = v.attempt,
                                 .edit_us = last_edit(&v),
                                 .group = (size_t)*at - 1 };
    return 0;
}

int feed_sort(struct feed *f, struct stage *st, const struct args *a,
              struct pick *p)
{
    struct idmap keys = { 0 };
    *f = (struct feed){ .v = calloc(p->n + 1, sizeof(*f->v)) };
    int r = f->v ? 0 : err_nomem(&st->err);
    for (size_t i = 0; r == 0 && i < p->n; i++)
        r = stage_tick(st) || sort_letter(f, &keys, a, p, p->v[i], &st->err);
    idmap_free(&keys);
    return r ? -1 : 0;
}

/* ---- files */

static bool is_fed(const struct fed *l, size_t group)
{
    return group == SIZE_MAX ? !l->back && !l->done : l->group == group;
}

/* A byte order mark or the magic number of a compression means something at
 * the start of an input, which the record had not. */
static bool starts_like_no_record(struct str raw)
{
    static const char *const magic[] = { "\xef\xbb\xbf", "\x1f\x8b",
                                         "\x28\xb5\x2f\xfd" };
    for (size_t i = 0; i < sizeof(magic) / sizeof(*magic); i++) {
        size_t n = strlen(magic[i]);
        if (raw.n >= n && memcmp(raw.p, magic[i], n) == 0)
            return true;
    }
    return false;
}

static int write_record(struct output *out, struct str raw, struct err *e)
{
    /* A blank line is no record, and keeps the first bytes from the start. */
    if (out->bytes == 0 && out->n == 0 && starts_like_no_record(raw) &&
        output_write(out, STR("\n"), e))
        return -1;
    /* Behind a CR an LF alone would take it away. */
    bool cr = raw.n && raw.p[raw.n - 1] == '\r';
    return output_write(out, raw, e) ||
                   output_write(out, cr ? STR("\r\n") : STR("\n"), e)
               ? -1
               : 0;
}

static int read_raw(const struct fed *l, struct pick *p, struct envelope *v,
                    struct buf *raw, struct err *e)
{
    char hex[33];
    buf_reset(raw);
    if (dlq_read_get(&p->read, l->entry, v, e))
        return -1;
    if (envelope_raw(raw, v) == 0)
        return 0;
    hash128_hex(l->id, hex);
    return err_set(e, ERR_DATA, "raw of letter %s cannot be decoded", hex);
}

int feed_records(const struct feed *f, size_t group, struct pick *p, int fd,
                 struct err *e)
{
    struct buf raw = { .max = DLQ_LINE_MAX };
    struct envelope v;
    struct output out;
    int r = output_fd(&out, fd, e);
    for (size_t i = 0; r == 0 && i < f->n; i++)
        if (is_fed(&f->v[i], group))
            r = read_raw(&f->v[i], p, &v, &raw, e) ||
                write_record(&out, buf_str(&raw), e);
    if (r == 0)
        r = output_flush(&out, e);
    out.fd = -1; /* stays open */
    output_close(&out);
    buf_free(&raw);
    return r ? -1 : 0;
}

int feed_replays(const struct feed *f, size_t group, struct pick *p,
                 const char *target, int fd, struct err *e)
{
    struct buf raw = { .max = DLQ_LINE_MAX }, line = { 0 };
    struct envelope v;
    struct output out;
    int r = output_fd(&out, fd, e);
    if (r == 0)
        r = replays_write_target(&line, target) ||
            output_write(&out, buf_str(&line), e);
    for (size_t i = 0; r == 0 && i < f->n; i++) {
        const struct fed *l = &f->v[i];
        if (!is_fed(l, group))
            continue;
        buf_reset(&line);
        r = read_raw(l, p, &v, &raw, e) ||
            replays_write(&line, l->id, l->attempt, hash128(buf_str(&raw)),
                          v.source.type == JSON_OBJECT ? v.source.raw : STR(""),
                          v.edits.type == JSON_ARRAY ? v.edits.raw : STR("")) ||
            output_write(&out, buf_str(&line), e);
    }
    if (r == 0)
        r = output_flush(&out, e);
    if (line.failed)
        r = err_nomem(e);
    out.fd = -1;
    output_close(&out);
    buf_free(&raw);
    buf_free(&line);
    return r ? -1 : 0;
}

void feed_run_id(const struct feed *f, size_t group, char id[40])
{
    XXH3_state_t h;
    char hex[33];
    XXH3_128bits_reset(&h);
    for (size_t i = 0; i < f->n; i++) {
        if (!is_fed(&f->v[i], group))
            continue;
        hash128_hex(f->v[i].id, hex);
        XXH3_128bits_update(&h, hex, 32);
        if (f->v[i].edit_us) /* other bytes: another run */
            XXH3_128bits_update(&h, &f->v[i].edit_us, sizeof(int64_t));
    }
    XXH128_hash_t d = XXH3_128bits_digest(&h);
    hash128_hex((struct hash128){ d.low64, d.high64 }, hex);
    snprintf(id, 40, "replay-%s", hex);
}

void feed_free(struct feed *f)
{
    for (size_t i = 0; i < f->n_groups; i++) {
        struct group *g = &f->groups[i];
        free(g->path);
        free_strings(g->argv);
        free_strings(g->env);
        free(g->cwd);
        free(g->pipeline);
    }
    free(f->groups);
    free(f->v);
    *f = (struct feed){ 0 };
}
