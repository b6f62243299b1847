#include "source/logpattern.h"

#include <stddef.h>
#include <string.h>

/* What stands in quotes, where a quote is written \" and other bytes \xHH. */
#define QUOTED "(?:[^\"\\\\]|\\\\.)*+"

/* The request is kept whole; method, path and protocol are of those that have
 * all three. */
#define COMMON                                                                 \
    "^(?<host>\\S++) (?<ident>\\S++) (?<user>\\S.*?) \\[(?<time>[^\\]]++)\\] " \
    "\"(?<request>(?:(?<method>[A-Za-z]++) (?<path>[^ \"\\\\]++) "             \
    "(?<protocol>HTTP/[0-9.]++)(?=\"))?+" QUOTED ")\" "                        \
    "(?<status>[0-9]{3}) (?<bytes>[0-9]++|-)"

static const struct {
    const char *name, *pattern;
} known[] = {
    { "common", COMMON "$" },
    { "combined",
      COMMON " \"(?<referer>" QUOTED ")\" \"(?<agent>" QUOTED ")\"$" },
    /* RFC 3164 as files have it: "Feb  3 04:05:06 host program[pid]: text" */
    { "syslog", "^(?<time>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}) (?<host>\\S++) "
                "(?<program>[^\\s:\\[]++)(?:\\[(?<pid>[0-9]++)\\])?+: ?+"
                "(?<message>.*+)$" },
};

const char *logpattern_find(const char *name)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].pattern;
    return NULL;
}
