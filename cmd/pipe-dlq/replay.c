#include "dlq_cmd.h"
int dlq_replay(struct stage *st, const struct args *a){(void)a; return err_set(&st->err, ERR_BUG,"x");}
