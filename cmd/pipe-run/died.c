#include "died.h"

#include "observe/lineage.h"

#include <dirent.h>
#include <unistd.h>

static bool is_there(struct buf *path, const char *name)
{
    size_t n = path->n;
    buf_addf(path, "/%s", name);
    bool there = buf_z(path) && access(path->p, F_OK) == 0;
    path->n = n;
    return there;
}

/* A run that ends takes its events away before it lets go of `live`. */
static void tell_one(struct stage *st, struct buf *path)
{
    if (is_there(path, LINEAGE_FILE) && !is_there(path, "live") && buf_z(path))
        stage_run_died(st, path->p);
}

void died_tell(struct stage *st, const struct buf *state, const char *pipeline)
{
    struct buf path = { .max = 65536 };
    struct dirent *entry;
    buf_addf(&path, "%.*s/runs/%s", STR_ARG(buf_str(state)), pipeline);
    size_t n = path.n;
    DIR *d = *pipeline && buf_z(&path) ? opendir(path.p) : NULL;
    while (d && (entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        path.n = n;
        buf_addf(&path, "/%s", entry->d_name);
        if (!path.failed)
            tell_one(st, &path);
    }
    if (d)
        closedir(d);
    buf_free(&path);
}
