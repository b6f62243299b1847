/* Records in an editor: one file, in it a line "#: ID why" before each record.
 * Who saves it without a change has changed nothing; a record that is taken
 * out is left as it is. */
#include "edit.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "#: "
#define HEAD_BYTES (3 + 32)

static const char intro[] =
    "# Change the records; save, and leave the editor. What is saved as it "
    "was\n"
    "# stays as it was. The lines before the records tell which is which.\n";

struct session {
    struct edit *ed;
    struct pick *p;
    struct buf text;  /* the file, before and then after */
    struct idmap ids; /* to 1 + index into p->v */
    struct str *now;  /* owned: by that index, the record as it is now; .p NULL:
                         taken out, or as it was */
    char *path;       /* owned: the file */
};

/* ---- the file */

static void add_why(struct buf *out, const struct envelope *v)
{
    struct json_iter it = json_iter(v->errors.raw);
    struct buf why = { .max = 65536 };
    struct val error;
    text_of(&why, v->stage);
    while (v->errors.type == JSON_ARRAY && json_next(&it, NULL, &error)) {
        buf_addc(&why, ' ');
        text_of(&why, json_get(error, STR("path")));
        buf_addc(&why, ' ');
        text_of(&why, json_get(error, STR("message")));
        buf_addc(&why, ';');
    }
    for (size_t i = 0; i < why.n; i++)
        buf_addc(out, (unsigned char)why.p[i] < ' ' ? ' ' : why.p[i]);
    out->failed |= why.failed;
    buf_free(&why);
}

static int compose(struct session *s)
{
    struct err *e = &s->ed->st->err;
    char hex[33];
    s->text.max = DLQ_LINE_MAX;
    buf_addz(&s->text, intro);
    for (size_t i = 0; i < s->p->n; i++) {
        struct envelope v;
        if (dlq_read_get(&s->p->read, s->p->v[i], &v, e))
            return -1;
        uint64_t *at = idmap_at(&s->ids, v.id);
        if (!at)
            return err_nomem(e);
        *at = i + 1;
        hash128_hex(v.id, hex);
        buf_addf(&s->text, HEAD "%s ", hex);
        add_why(&s->text, &v);
        buf_addc(&s->text, '\n');
        if (envelope_raw(&s->text, &v) == -2)
            return err_set(e, ERR_DATA, "raw of letter %s cannot be decoded",
                           hex);
        buf_addc(&s->text, '\n');
    }
    return s->text.failed ? err_nomem(e) : 0;
}

static int write_file(struct session *s)
{
    struct err *e = &s->ed->st->err;
    const char *folder = getenv("TMPDIR");
    struct output out;
    if (asprintf(&s->path, "%s/pipe-dlq-edit.XXXXXX",
                 folder && *folder ? folder : "/tmp") < 0) {
        s->path = NULL;
        return err_nomem(e);
    }
    int fd = mkostemp(s->path, O_CLOEXEC); /* of mode 0600 */
    if (fd < 0) {
        err_sys(e, ERR_CANTCREAT, errno, "cannot make '%s'", s->path);
        free(s->path);
        s->path = NULL;
        return -1;
    }
    if (output_fd(&out, fd, e)) {
        close(fd);
        return -1;
    }
    int r = output_write(&out, buf_str(&s->text), e) || output_flush(&out, e);
    output_close(&out);
    return r ? -1 : 0;
}

/* The editor may have put another file in its place. */
static int read_file(struct session *s)
{
    struct err *e = &s->ed->st->err;
    struct input in;
    ssize_t n;
    char block[65536];
    buf_reset(&s->text);
    if (input_open(&in, s->path, e))
        return -1;
    in.raw = true;
    while ((n = input_read(&in, block, sizeof(block), e)) > 0)
        if (buf_add(&s->text, block, (size_t)n))
            n = err_nomem(e);
    input_close(&in);
    return n < 0 ? -1 : 0;
}

/* ---- the editor */

static int run_program(struct session *s)
{
    struct stage *st = s->ed->st;
    const char *editor = getenv("VISUAL");
    if (!editor || !*editor)
        editor = getenv("EDITOR");
    if (!editor || !*editor)
        editor = "vi";
    char sh[] = "sh", c[] = "-c", *line = NULL;
    if (asprintf(&line, "%s \"$1\"", editor) < 0)
        return err_nomem(&st->err);
    char *argv[] = { sh, c, line, sh, s->path, NULL };
    struct process_spec spec = { .path = sh,
                                 .argv = argv,
                                 .in = -1,
                                 .out = -1,
                                 .keep = { -1, -1, -1 },
                                 .foreground = true };
    struct sigaction ignore = { .sa_handler = SIG_IGN }, was[2];
    sigaction(SIGINT, &ignore, &was[0]);
    sigaction(SIGQUIT, &ignore, &was[1]);
    pid_t pid = process_start(&spec, &st->err);
    int status = pid < 0 ? -1 : process_wait(st, pid);
    sigaction(SIGINT, &was[0], NULL);
    sigaction(SIGQUIT, &was[1], NULL);
    free(line);
    if (pid < 0)
        return -1;
    if (stage_tick(st))
        return -1;
    return status ? err_set(&st->err, ERR_TEMPFAIL,
                            "'%s' ended with exit %d: nothing is edited",
                            editor, status)
                  : 0;
}

/* ---- what came of it */

/* The letter that a line stands before: 1 + its index, or 0. */
static uint64_t head_of(struct session *s, struct str line)
{
    struct hash128 id;
    if (line.n < HEAD_BYTES || memcmp(line.p, HEAD, strlen(HEAD)) != 0 ||
        (line.n > HEAD_BYTES && line.p[HEAD_BYTES] != ' ') ||
        envelope_parse_id(&id, (struct str){ line.p + 3, 32 }))
        return 0;
    return idmap_get(&s->ids, id);
}

/* A record reaches to the line before the next head, or to the end. */
static int take_apart(struct session *s)
{
    const char *p = s->text.p, *end = p + s->text.n;
    uint64_t open = 0;
    const char *from = NULL;
    s->now = calloc(s->p->n + 1, sizeof(*s->now));
    if (!s->now)
        return err_nomem(&s->ed->st->err);
    while (p <= end) {
        const char *lf = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        struct str line = { p, (size_t)((lf ? lf : end) - p) };
        uint64_t next = p < end ? head_of(s, line) : 0;
        if ((next || p == end) && open) {
            const char *to = p > from && p[-1] == '\n' ? p - 1 : p;
            s->now[open - 1] = (struct str){ from, (size_t)(to - from) };
        }
        if (next && s->now[next - 1].p)
            return err_set(&s->ed->st->err, ERR_DATA,
                           "a record stands there twice: nothing is edited");
        if (next) {
            open = next;
            from = lf ? lf + 1 : end;
        }
        if (p == end)
            break;
        p = lf ? lf + 1 : end;
    }
    return 0;
}

/* Finds the letter in the queue as it is now; it may not have changed. */
static int find_letter(struct session *s, struct dlq_read *now,
                       const struct idmap *ids, size_t i, struct envelope *v)
{
    struct err *e = &s->ed->st->err;
    const struct dlq_place *was = dlq_read_place(&s->p->read, s->p->v[i]);
    uint64_t at = idmap_get(ids, was->id);
    const struct dlq_place *is = at ? dlq_read_place(now, at - 1) : NULL;
    char hex[33];
    if (is && is->us == was->us && is->state == was->state)
        return dlq_read_get(now, at - 1, v, e);
    hash128_hex(was->id, hex);
    return err_set(e, ERR_TEMPFAIL,
                   "letter %s was replayed, edited or purged meanwhile: "
                   "nothing is edited",
                   hex);
}

static int apply_all(struct session *s, struct dlq_read *now,
                     const struct idmap *ids)
{
    struct buf was = { .max = DLQ_LINE_MAX };
    int r = 0;
    s->ed->changed = s->ed->same = 0;
    for (size_t i = 0; r == 0 && i < s->p->n; i++) {
        struct envelope v;
        buf_reset(&was);
        if (!s->now[i].p) {
            s->ed->same++;
            continue;
        }
        if (dlq_read_get(&s->p->read, s->p->v[i], &v, &s->ed->st->err) ||
            envelope_raw(&was, &v))
            r = -1;
        else if (str_eq(buf_str(&was), s->now[i]))
            s->ed->same++;
        else
            r = find_letter(s, now, ids, i, &v) ||
                edit_letter(s->ed, &v, buf_str(&was), s->now[i]);
    }
    buf_free(&was);
    return r ? -1 : 0;
}

static int index_ids(const struct dlq_read *now, struct idmap *ids,
                     struct err *e)
{
    for (size_t i = 0; i < now->n_entries; i++) {
        uint64_t *at = idmap_at(ids, dlq_read_place(now, i)->id);
        if (!at)
            return err_nomem(e);
        *at = i + 1;
    }
    return 0;
}

/* First without writing: one that cannot be taken leaves all. */
static int apply(struct session *s)
{
    struct edit *ed = s->ed;
    struct err *e = &ed->st->err;
    struct dlq_read now;
    struct idmap ids = { 0 };
    int fd = -1;
    if ((!ed->a->dry_run && edit_lock(ed, &fd) < 0) ||
        dlq_read_open(&now, s->p->uri, !ed->a->dry_run, e)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    ed->show = ed->a->dry_run;
    int r = index_ids(&now, &ids, e) || apply_all(s, &now, &ids);
    if (r == 0 && ed->changed && !ed->a->dry_run) {
        ed->q = dlq_open(now.target.path, e);
        r = !ed->q || apply_all(s, &now, &ids) || dlq_edit_done(ed->q, e);
    }
    idmap_free(&ids);
    dlq_read_close(&now);
    if (fd >= 0)
        close(fd);
    return r ? -1 : 0;
}

int editor_run(struct edit *ed, struct pick *p)
{
    struct session s = { .ed = ed, .p = p };
    bool edited = false;
    int r = compose(&s) || write_file(&s) || run_program(&s) || read_file(&s);
    if (r == 0) {
        edited = true;
        r = take_apart(&s) || apply(&s);
    }
    /* What somebody has typed is not thrown away because it did not fit. */
    if (r && edited && s.path)
        stage_warn(ed->st, "the edited records are kept in '%s'", s.path);
    else if (s.path)
        (void)unlink(s.path);
    free(s.path);
    free(s.now);
    idmap_free(&s.ids);
    buf_free(&s.text);
    return r ? -1 : 0;
}
