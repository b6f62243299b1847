#include "sink/sqlite.h"
int sqlite_scd2_check(struct sqlite_sink *s, struct err *e)
{
    (void)s;
    (void)e;
    return 0;
}
int sqlite_scd2_write(struct sqlite_sink *s, const struct sink_record *r,
                      struct sink_refusal *why, struct err *e)
{
    (void)s;
    (void)r;
    (void)why;
    return err_set(e, ERR_BUG, "x");
}
int sqlite_scd2_apply(struct sqlite_sink *s, struct err *e)
{
    (void)s;
    (void)e;
    return 0;
}
