/* process: start a program with its ends in our hands, and wait for it. */
#ifndef DLQ_CMD_PROCESS_H
#define DLQ_CMD_PROCESS_H

#include "stage/stage.h"

#include <sys/types.h>

struct process_spec {
    const char *path; /* looked up in PATH unless it holds a '/' */
    char *const *argv;
    const char *cwd;     /* NULL: ours */
    char *const *env[2]; /* NULL-terminated lists of NAME=VALUE, or NAME to
                            unset; either may be NULL */
    int in, out;         /* become stdin and stdout; -1: ours */
    int keep[3];         /* stay open under their numbers; -1: none */
    bool foreground;     /* has the terminal, and its signals */
};

/* Starts the program. A folder or program that is not there is found here.
 * Returns its pid, or -1 with e. */
pid_t process_start(const struct process_spec *spec, struct err *e);

/* Waits for pid; passes a signal that stops this stage on to it. Returns its
 * exit status, 128 + signal if it was killed. */
int process_wait(struct stage *st, pid_t pid);

/* An unlinked temporary file under TMPDIR, or -1 with e. */
int process_tempfile(struct err *e);

#endif
