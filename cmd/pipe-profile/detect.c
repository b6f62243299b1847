/* detect: anomalies of a stream. */
#include "profile_cmd.h"

const struct opt detect_options[] = { { 0 } };

bool detect_asked(void)
{
    return false;
}

int detect_run(struct stage *st)
{
    return err_set(&st->err, ERR_BUG, "no anomalies are looked for");
}
