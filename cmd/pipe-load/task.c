#include "task.h"

#include "base/hash.h"
#include "json/value.h"
#include "stage/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK ((size_t)256 << 10)

extern char **environ;

const char *const task_env[] = { "PGHOST",        "PGHOSTADDR", "PGPORT",
                                 "PGDATABASE",    "PGUSER",     "PGSERVICE",
                                 "PGSERVICEFILE", "PGOPTIONS",  "PGSSLMODE",
                                 "PGSSLROOTCERT", NULL };

void task_close(struct task *t)
{
    buf_free(&t->about);
    buf_free(&t->words);
    buf_free(&t->env_words);
    buf_free(&t->cwd);
    free(t->argv);
    free(t->envp);
    if (t->stdin_fd >= 0)
        close(t->stdin_fd);
    if (t->dir_fd >= 0)
        close(t->dir_fd);
}

/* ---- what .json says */

static struct val member(const struct task *t, const char *name)
{
    return json_get(json_val(buf_str(&t->about)), str_of(name));
}

static int nonsense(struct task *t, const char *name, struct err *e)
{
    t->damaged = true;
    return err_set(e, ERR_DATA, "'%s' has no good \"%s\"", t->json, name);
}

/* Appends a string and NUL. A NUL within is nothing of ours. */
static int add_text(struct buf *out, struct val v)
{
    size_t from = out->n;
    if (v.type != JSON_STRING ||
        json_unescape(out, (struct str){ v.raw.p + 1, v.raw.n - 2 }) ||
        (out->n > from && memchr(out->p + from, '\0', out->n - from)))
        return -1;
    return buf_addc(out, '\0');
}

/* Pointers to the words, and `more` places; NULL-terminated. */
static char **point(struct buf *words, size_t n, size_t more)
{
    char **v = calloc(n + more + 1, sizeof(*v));
    char *p = words->p;
    for (size_t i = 0; v && i < n; i++, p += strlen(p) + 1)
        v[i] = p;
    return v;
}

static bool begins(struct str s, struct str with)
{
    return s.n >= with.n && memcmp(s.p, with.p, with.n) == 0;
}

static bool is_report(struct str quoted)
{
    return begins(quoted, STR("\"--metrics=")) ||
           begins(quoted, STR("\"--lineage="));
}

static int read_argv(struct task *t, bool own, struct err *e)
{
    struct val all = member(t, "argv"), v;
    struct json_iter it = json_iter(all.raw);
    size_t n = 1;
    if (all.type != JSON_ARRAY)
        return nonsense(t, "argv", e);
    buf_add_str(&t->words, STR("pipe-load\0"));
    while (json_next(&it, NULL, &v)) {
        if (own && is_report(v.raw))
            continue;
        if (add_text(&t->words, v))
            return t->words.failed ? err_nomem(e) : nonsense(t, "argv", e);
        n++;
    }
    t->argv = t->words.failed ? NULL : point(&t->words, n, 0);
    return t->argv ? 0 : err_nomem(e);
}

/* Not where libpq connects to, and not what options stand in for: those are all
 * in argv, and the gate of a run is not for a load that was verified before. */
static bool is_inherited(const char *entry, bool own)
{
    static const char *const kept[] = {
        "PIPE_STATE=", "PIPE_SIMD=", "PIPE_LIBDUCKDB=", "PIPE_DUCKDB_MEMORY="
    };
    struct str s = str_of(entry);
    if (begins(s, STR("PIPE_"))) {
        bool keep = false;
        for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
            keep |= begins(s, str_of(kept[i]));
        return keep;
    }
    if (own && begins(s, STR("OPENLINEAGE_URL=")))
        return false;
    size_t n = strcspn(entry, "=");
    for (const char *const *p = task_env; *p; p++)
        if (strlen(*p) == n && memcmp(*p, entry, n) == 0)
            return false;
    return true;
}

/* The environment of the load: what came with it, and what is here. */
static int read_env(struct task *t, bool own, struct err *e)
{
    struct val all = member(t, "env"), v;
    struct json_iter it = json_iter(all.raw);
    struct str key;
    size_t kept = 0, n = 0;
    if (all.type != JSON_OBJECT)
        return nonsense(t, "env", e);
    for (; json_next(&it, &key, &v); kept++) {
        if (!begins(key, STR("PG")))
            return nonsense(t, "env", e);
        buf_add_str(&t->env_words, key);
        buf_addc(&t->env_words, '=');
        if (add_text(&t->env_words, v))
            return t->env_words.failed ? err_nomem(e) : nonsense(t, "env", e);
    }
    while (environ[n])
        n++;
    t->envp = t->env_words.failed ? NULL : point(&t->env_words, kept, n);
    if (!t->envp)
        return err_nomem(e);
    for (size_t i = 0, to = kept; i < n; i++)
        if (is_inherited(environ[i], own))
            t->envp[to++] = environ[i];
    return 0;
}

static int read_about(struct task *t, bool own, struct err *e)
{
    if (!str_eq(member(t, "v").raw, STR(TASK_VERSION)))
        return err_set(e, ERR_CONFIG,
                       "cannot use '%s': it is not of version " TASK_VERSION,
                       t->json);
    if (add_text(&t->cwd, member(t, "cwd")))
        return nonsense(t, "cwd", e);
    return read_argv(t, own, e) || read_env(t, own, e) ? -1 : 0;
}

/* ---- the records */

static int hash_file(const struct task *t, uint64_t *bytes, char hex[33],
                     struct err *e)
{
    XXH3_state_t *state = XXH3_createState();
    char *block = malloc(BLOCK);
    ssize_t n = 1;
    int r = 0;
    *bytes = 0;
    if (!state || !block || XXH3_128bits_reset(state) != XXH_OK)
        r = err_nomem(e);
    while (r == 0 && n != 0) {
        n = read(t->stdin_fd, block, BLOCK);
        if (n > 0) {
            XXH3_128bits_update(state, block, (size_t)n);
            *bytes += (uint64_t)n;
        } else if (n < 0 && errno != EINTR) {
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", t->records);
        }
        if (stage_stopping())
            r = err_set(e, ERR_TEMPFAIL, "interrupted");
    }
    if (r == 0) {
        XXH128_hash_t h = XXH3_128bits_digest(state);
        hash128_hex((struct hash128){ h.low64, h.high64 }, hex);
        if (lseek(t->stdin_fd, 0, SEEK_SET) != 0)
            r = err_sys(e, ERR_IO, errno, "cannot read '%s'", t->records);
    }
    XXH3_freeState(state);
    free(block);
    return r;
}

/* Are they what was written? Of a batch that was mended by hand both members
 * are gone. */
static int check_records(struct task *t, struct err *e)
{
    struct val bytes = member(t, "bytes"), hash = member(t, "input_hash");
    char hex[33], want[36], have[24];
    uint64_t n;
    if (bytes.type == JSON_MISSING && hash.type == JSON_MISSING)
        return 0;
    if (hash_file(t, &n, hex, e))
        return -1;
    snprintf(have, sizeof(have), "%" PRIu64, n);
    snprintf(want, sizeof(want), "\"%s\"", hex);
    t->damaged = true;
    if (!str_eq(bytes.raw, str_of(have)))
        return err_set(e, ERR_DATA, "'%s' has %s bytes, not %.*s", t->records,
                       have, STR_ARG(bytes.raw));
    if (!str_eq(hash.raw, str_of(want)))
        return err_set(e, ERR_DATA,
                       "'%s' is not what was written: its hash is another",
                       t->records);
    t->damaged = false;
    return 0;
}

static int open_files(struct task *t, struct err *e)
{
    t->stdin_fd = open(t->records, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (t->stdin_fd < 0)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot open '%s'", t->records);
    if (check_records(t, e))
        return -1;
    t->dir_fd = open(t->cwd.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (t->dir_fd < 0)
        return err_sys(e, ERR_NOINPUT, errno,
                       "cannot go to '%s', where batch '%s' is from", t->cwd.p,
                       t->records);
    return 1;
}

int task_open(struct task *t, const struct queue *q, uint64_t number, bool own,
              struct err *e)
{
    *t = (struct task){ .stdin_fd = -1, .dir_fd = -1 };
    t->about.max = t->words.max = t->env_words.max = QUEUE_ABOUT_MAX;
    t->cwd.max = 65536;
    if (queue_path(q, t->json, e, "%012" PRIu64 ".json", number) ||
        queue_path(q, t->records, e, "%012" PRIu64 ".ndjson", number))
        return -1;
    int r = queue_about(q, number, &t->about, e);
    t->damaged = r == 0 || (r < 0 && e->code == ERR_DATA);
    if (r == 0)
        return err_set(e, ERR_DATA, "'%s' is not there", t->json);
    return r < 0 || read_about(t, own, e) ? -1 : open_files(t, e);
}
