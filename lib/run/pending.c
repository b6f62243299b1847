#include "run/pending.h"

#include "base/hash.h"
#include "gate/gate.h"
#include "json/check.h"
#include "json/value.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define NOTE_MAX ((size_t)4 << 20)
#define RECORD_MAX ((size_t)16 << 20)

/* RUN_DIR/pending[/HASH.json] */
static const char *path_of(struct buf *b, const char *run_dir,
                           const char *state, struct err *e)
{
    char hex[33];
    buf_addf(b, "%s/pending", run_dir);
    if (state) {
        hash128_hex(hash128(str_of(state)), hex);
        buf_addf(b, "/%s.json", hex);
    }
    if (buf_z(b))
        return b->p;
    err_nomem(e);
    return NULL;
}

/* With a second member, whose value is JSON. */
static int write_note(const char *path, struct str state, const char *name,
                      struct str value, struct err *e)
{
    struct buf text = { .max = NOTE_MAX };
    buf_addz(&text, "{\"state\":");
    json_quote(&text, state);
    buf_addf(&text, ",\"%s\":", name);
    buf_add_str(&text, value);
    buf_addz(&text, "}\n");
    int r = text.failed ? err_nomem(e) : state_write(path, buf_str(&text), e);
    buf_free(&text);
    return r;
}

const char *pending_attempt(void)
{
    const char *gate = getenv(GATE_ENV);
    return gate ? gate : "";
}

int pending_add(const char *run_dir, const char *state, const char *attempt,
                struct err *e)
{
    struct buf b = { .max = 65536 }, quoted = { .max = 65536 };
    int r = -1;
    json_quote(&quoted, str_of(attempt));
    if (quoted.failed)
        err_nomem(e);
    else if (path_of(&b, run_dir, NULL, e) && state_folder(b.p, e) == 0) {
        buf_reset(&b);
        if (path_of(&b, run_dir, state, e))
            r = write_note(b.p, str_of(state), "attempt", buf_str(&quoted), e);
    }
    buf_free(&b);
    buf_free(&quoted);
    return r;
}

int pending_remove(const char *run_dir, const char *state, struct err *e)
{
    struct buf b = { .max = 65536 };
    int r = path_of(&b, run_dir, state, e) ? 0 : -1;
    if (r == 0 && unlink(b.p) != 0 && errno != ENOENT && errno != ENOTDIR)
        r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", b.p);
    buf_free(&b);
    return r;
}

/* RUN_DIR/pending/void: a file, never a note. */
static bool is_void(const char *run_dir)
{
    struct buf b = { .max = 65536 };
    buf_addf(&b, "%s/pending/void", run_dir);
    bool there = buf_z(&b) && access(b.p, F_OK) == 0;
    buf_free(&b);
    return there;
}

int pending_void(const char *run_dir, struct err *e)
{
    struct buf b = { .max = 65536 };
    int r = path_of(&b, run_dir, NULL, e) ? state_folder(b.p, e) : -1;
    buf_addz(&b, "/void");
    if (r == 0)
        r = buf_z(&b) ? state_write(b.p, STR(""), e) : err_nomem(e);
    buf_free(&b);
    return r;
}

/* ---- what becomes of it ---- */

/* Reads a JSON object: 1; 0 where there is none; -1. */
static int read_object(const char *path, size_t max, struct buf *text,
                       struct err *e)
{
    struct json_fault fault;
    int r = state_read(path, max, text, e);
    if (r > 0 && json_check_object(buf_str(text), 64, &fault))
        return err_set(e, ERR_CONFIG, "'%s' is no JSON object", path);
    return r;
}

static bool lives(const char *run_dir)
{
    struct buf b = { .max = 65536 };
    buf_addf(&b, "%s/live", run_dir);
    int fd = buf_z(&b) ? open(b.p, O_RDONLY | O_CLOEXEC) : -1;
    bool held = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    buf_free(&b);
    return held;
}

/* Does the record of the run say that it is committed? 1, 0, -1. */
static int ended_well(const char *run_dir, struct err *e)
{
    struct buf b = { .max = 65536 }, text = { .max = RECORD_MAX };
    buf_addf(&b, "%s/record.json", run_dir);
    int r = buf_z(&b) ? read_object(b.p, RECORD_MAX, &text, e) : err_nomem(e);
    if (r > 0)
        r = str_eq(json_get(json_val(buf_str(&text)), STR("outcome")).raw,
                   STR("\"ok\""));
    buf_free(&b);
    buf_free(&text);
    return r;
}

static bool is_attempt(struct str note, const char *attempt)
{
    struct str raw = json_get(json_val(note), STR("attempt")).raw;
    return raw.n > 2 && json_raw_equals((struct str){ raw.p + 1, raw.n - 2 },
                                        str_of(attempt));
}

/* With the note that is there. */
static int fate_of_note(const char *run_dir, struct str note,
                        const char *attempt, enum pending_fate *fate,
                        struct buf *loads, struct err *e)
{
    struct val v = json_get(json_val(note), STR("loads"));
    struct json_iter it = json_iter(v.raw);
    struct val first;
    *fate = PENDING_DISCARD;
    if (v.type != JSON_ARRAY) {
        if (attempt && is_attempt(note, attempt))
            *fate = PENDING_OURS;
        return 0;
    }
    int ok = attempt ? 0 : ended_well(run_dir, e);
    if (ok < 0)
        return -1;
    if (ok)
        *fate = PENDING_PROMOTE;
    else if (json_next(&it, NULL, &first)) /* a run without loads is its word */
        *fate = PENDING_ASK;
    return buf_add_str(loads, v.raw) ? err_nomem(e) : 0;
}

int pending_fate(const char *run_dir, const char *state, const char *attempt,
                 enum pending_fate *fate, struct buf *loads, struct err *e)
{
    struct buf b = { .max = 65536 }, note = { .max = NOTE_MAX };
    *fate = PENDING_LOST;
    int r = 0;
    if (access(run_dir, F_OK) == 0) {
        *fate = PENDING_BUSY;
        if (attempt || !lives(run_dir)) {
            *fate = PENDING_LOST;
            r = path_of(&b, run_dir, state, e)
                    ? read_object(b.p, NOTE_MAX, &note, e)
                    : -1;
            if (r > 0)
                r = fate_of_note(run_dir, buf_str(&note), attempt, fate, loads,
                                 e);
        }
    }
    buf_free(&b);
    buf_free(&note);
    return r;
}

/* ---- pipe-run's side ---- */

/* The next note of the folder: 1 with its path and text, 0, -1. */
static int next_note(DIR *d, const char *folder, struct buf *path,
                     struct buf *text, struct err *e)
{
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        size_t n = strlen(entry->d_name);
        if (*entry->d_name == '.' || n < 5 ||
            strcmp(entry->d_name + n - 5, ".json") != 0)
            continue;
        buf_reset(path);
        buf_reset(text);
        buf_addf(path, "%s/%s", folder, entry->d_name);
        if (!buf_z(path))
            return err_nomem(e);
        int r = read_object(path->p, NOTE_MAX, text, e);
        if (r)
            return r;
    }
    return 0;
}

/* What is done with each note. */
struct step {
    struct str loads; /* to be added; .p NULL: promote instead */
    const char *run_dir;
    int (*promote)(const char *state, const char *run_dir, struct err *e);
};

static int do_note(const struct step *s, const char *path, struct str text,
                   struct err *e)
{
    struct buf state = { .max = 65536 };
    struct str quoted = json_get(json_val(text), STR("state")).raw;
    int r = 0;
    if (quoted.n < 2)
        return err_set(e, ERR_CONFIG, "'%s' names no state", path);
    if (json_unescape(&state, (struct str){ quoted.p + 1, quoted.n - 2 }) ||
        !buf_z(&state))
        r = err_nomem(e);
    else if (s->loads.p)
        r = write_note(path, buf_str(&state), "loads", s->loads, e);
    else if (s->promote(state.p, s->run_dir, e))
        r = -1;
    else if (unlink(path) != 0)
        r = err_sys(e, ERR_IO, errno, "cannot remove '%s'", path);
    buf_free(&state);
    return r;
}

/* Does it for all notes; without a step: is there one? */
static int each(const char *run_dir, const struct step *s, struct err *e)
{
    struct buf folder = { .max = 65536 }, path = { .max = 65536 };
    struct buf text = { .max = NOTE_MAX };
    struct err other;
    int failed = 0, r = 0, n = 0;
    DIR *d = path_of(&folder, run_dir, NULL, e) ? opendir(folder.p) : NULL;
    while (d && (r = next_note(d, folder.p, &path, &text, e)) == 1) {
        n++;
        if (s && do_note(s, path.p, buf_str(&text), failed ? &other : e))
            failed = -1;
    }
    if (d)
        closedir(d);
    buf_free(&folder);
    buf_free(&path);
    buf_free(&text);
    return r < 0 || failed ? -1 : n;
}

bool pending_any(const char *run_dir)
{
    struct err ignored;
    return each(run_dir, NULL, &ignored) != 0;
}

int pending_word(const char *run_dir, struct str loads, struct err *e)
{
    struct step s = { .loads = loads, .run_dir = run_dir };
    if (is_void(run_dir))
        return 0;
    return each(run_dir, &s, e) < 0 ? -1 : 0;
}

int pending_promote(const char *run_dir,
                    int (*promote)(const char *state, const char *run_dir,
                                   struct err *e),
                    struct err *e)
{
    struct step s = { .run_dir = run_dir, .promote = promote };
    if (is_void(run_dir))
        return 0;
    return each(run_dir, &s, e) < 0 ? -1 : 0;
}
