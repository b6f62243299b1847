/* logpattern: regular expressions of well-known log lines, by name. */
#ifndef SOURCE_LOGPATTERN_H
#define SOURCE_LOGPATTERN_H

/* The pattern called name ("combined", "common", "syslog"), static; NULL where
 * none is. */
const char *logpattern_find(const char *name);

#endif
