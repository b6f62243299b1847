/* watch: wakes up when something happens in a folder (inotify(7)).
 *
 * What it tells is a hint to look, never a fact: other machines' changes to a
 * shared folder are not seen, and where the kernel has no more watches to give
 * nothing is. So whoever waits looks now and then all the same. Not
 * thread-safe. */
#ifndef WAIT_WATCH_H
#define WAIT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watched;

struct watch {
    int fd; /* of inotify; -1: there is none */
    struct watched *folders;
    size_t n, cap;
    unsigned round;
    int failure; /* errno of the first folder that could not be watched; 0 */
};

/* Never fails: w->fd is -1 where there is no inotify, and w->failure says
 * why. */
void watch_open(struct watch *w);
void watch_close(struct watch *w);

/* Watches exactly the folders that are named between watch_begin and watch_end;
 * those of the last round are kept as they are. */
void watch_begin(struct watch *w);
void watch_folder(struct watch *w, const char *folder);
void watch_end(struct watch *w);

/* Sleeps up to ms; returns early with true when something happened, with false
 * when a signal came. */
bool watch_sleep(struct watch *w, uint64_t ms);

#endif
