/* measure: runs a command and writes what it took.
 *
 *     measure RESULT COMMAND [ARGUMENT...]
 *
 * RESULT gets one line: wall-clock seconds, processor seconds (user and
 * system), peak resident set in KiB, exit status. The peak is that of the
 * largest single process among the command and the children it waited for
 * (getrusage(2)). Exits as the command did. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec began, ended;
    struct rusage used;
    int status;

    if (argc < 3) {
        fputs("usage: measure RESULT COMMAND [ARGUMENT...]\n", stderr);
        return 64;
    }
    clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &used) != pid) {
        perror("measure");
        return 71;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    FILE *f = fopen(argv[1], "w");
    if (f == NULL) {
        perror(argv[1]);
        return 73;
    }
    fprintf(f, "%.4f %.4f %ld %d\n",
            (double)(ended.tv_sec - began.tv_sec) +
                (double)(ended.tv_nsec - began.tv_nsec) / 1e9,
            seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss,
            status);
    return fclose(f) == 0 ? status : 74;
}
