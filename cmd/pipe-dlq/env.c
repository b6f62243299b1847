/* Variables of what a replay starts. */
#include "gate/gate.h"
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>

int env_add(char **env, const char *name, const char *value)
{
    size_t n = 0;
    while (env[n])
        n++;
    if (n + 1 >= ENV_MAX || asprintf(&env[n], "%s%s%s", name, value ? "=" : "",
                                     value ? value : "") < 0) {
        env[n < ENV_MAX ? n : ENV_MAX - 1] = NULL;
        return -1;
    }
    return 0;
}

int env_make(char **env, struct job *j, bool stage, int fd, const char *run_id)
{
    char file[32];
    snprintf(file, sizeof(file), "/dev/fd/%d", fd);
    return env_add(env, REPLAYS_ENV, stage ? file : NULL) ||
                   env_add(env, REPLAYS_ENV_BEHIND, stage ? NULL : file) ||
                   env_add(env, "PIPE_RUN_ID", run_id) ||
                   env_add(env, "PIPE_DLQ", j->target)
               ? err_nomem(&j->st->err)
               : 0;
}

void env_free(char **env)
{
    for (; *env; env++)
        free(*env);
}
