#include "sink/sqlite.h"
int sqlite_version_begin(struct sqlite_sink *s, struct err *e)
{
    (void)s;
    (void)e;
    return 0;
}
int sqlite_version_end(struct sqlite_sink *s, struct err *e)
{
    (void)s;
    (void)e;
    return 0;
}
int sqlite_latest_view(struct sqlite_sink *s, struct err *e)
{
    (void)s;
    (void)e;
    return 0;
}
