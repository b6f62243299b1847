#include "config/pipeline.h"

#include "base/plain.h"
#include "run/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names */

static const struct {
    const char *name;
    enum pipeline_event event;
} events[] = {
    { "failed", PIPELINE_FAILED },
    { "late", PIPELINE_LATE },
    { "stale", PIPELINE_STALE },
    { "volume", PIPELINE_VOLUME },
    { "slow", PIPELINE_SLOW },
    { "dead_letters", PIPELINE_DEAD_LETTERS },
    { "recovered", PIPELINE_RECOVERED },
    { "ok", PIPELINE_OK },
};
#define EVENTS (sizeof(events) / sizeof(*events))

static const char *const severities[] = { "info", "warning", "critical" };

const char *pipeline_event_name(enum pipeline_event event)
{
    for (size_t i = 0; i < EVENTS; i++)
        if (events[i].event == event)
            return events[i].name;
    return "unknown";
}

unsigned pipeline_event_of(struct str name)
{
    for (size_t i = 0; i < EVENTS; i++)
        if (str_eq(name, str_of(events[i].name)))
            return (unsigned)events[i].event;
    return 0;
}

const char *pipeline_severity_name(enum pipeline_severity s)
{
    return severities[s];
}

const struct pipeline_env *pipeline_env_find(const struct pipeline_conf *c,
                                             const char *name)
{
    for (size_t i = 0; i < c->n_envs; i++)
        if (strcmp(c->envs[i].name, name) == 0)
            return &c->envs[i];
    return NULL;
}

int pipeline_conf_read(const char *dir, const char *name,
                       struct pipeline_conf *c, struct err *e)
{
    struct buf path = { .max = 65536 }, text = { .max = PIPELINE_CONF_MAX };
    *c = (struct pipeline_conf){ 0 };
    buf_addf(&path, "%s/%s.json", dir, name);
    int r = buf_z(&path) ? state_read(path.p, PIPELINE_CONF_MAX, &text, e)
                         : err_nomem(e);
    if (r > 0)
        r = pipeline_conf_parse(buf_str(&text), path.p, name, c, e) ? -1 : 1;
    buf_free(&path);
    buf_free(&text);
    return r;
}

void pipeline_conf_free(struct pipeline_conf *c)
{
    arena_free(&c->text);
    *c = (struct pipeline_conf){ 0 };
}

/* ---- the folder */

int config_dir(struct buf *path, const char *given, struct err *e)
{
    const char *systemd = getenv("CONFIGURATION_DIRECTORY");
    if (given)
        buf_addz(path, given);
    else if (systemd && *systemd)
        buf_add(path, systemd, strcspn(systemd, ":"));
    else
        buf_addz(path, "/etc/pipeutils");
    return buf_z(path) ? 0 : err_nomem(e);
}

static int add_name(struct pipeline_list *l, const char *file, struct err *e)
{
    size_t n = strlen(file);
    if (n < 6 || strcmp(file + n - 5, ".json") != 0)
        return 0;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        char **names = realloc(l->names, cap * sizeof(*names));
        if (!names)
            return err_nomem(e);
        l->names = names;
        l->cap = cap;
    }
    char *name = strndup(file, n - 5);
    if (!name)
        return err_nomem(e);
    if (plain_name(name))
        l->names[l->n++] = name;
    else
        free(name);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int pipeline_conf_list(const char *dir, struct pipeline_list *l, struct err *e)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    int r = 0;
    *l = (struct pipeline_list){ 0 };
    if (!d)
        return errno == ENOENT
                   ? 0
                   : err_sys(e, ERR_IO, errno, "cannot read folder '%s'", dir);
    while (r == 0 && (errno = 0, entry = readdir(d)) != NULL)
        r = add_name(l, entry->d_name, e);
    if (r == 0 && errno)
        r = err_sys(e, ERR_IO, errno, "cannot read folder '%s'", dir);
    closedir(d);
    if (l->n)
        qsort(l->names, l->n, sizeof(*l->names), by_name);
    return r;
}

void pipeline_list_free(struct pipeline_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    *l = (struct pipeline_list){ 0 };
}
