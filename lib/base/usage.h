/* usage: what a process, or a run of several, has used of the machine.
 *
 * Peak memory of the process is the high-water mark of its resident set since
 * it began its program (VmHWM, proc(5)): ru_maxrss of getrusage(2) would have
 * that of the process which forked it in it. */
#ifndef BASE_USAGE_H
#define BASE_USAGE_H

#include <stdint.h>

struct usage {
    double cpu_seconds;   /* user and system */
    uint64_t peak_memory; /* bytes */
    uint64_t bytes_in, bytes_out;
};

/* Processor time and memory of this process so far; leaves the rest of u. What
 * cannot be learned is 0. */
void usage_self(struct usage *u);

/* The same of all children that were waited for, and theirs: the memory is that
 * of the largest one. */
void usage_children(struct usage *u);

#endif
