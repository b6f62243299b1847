/* profile_cmd: the parts of pipe-profile. */
#ifndef PROFILE_CMD_H
#define PROFILE_CMD_H

#include "cli/opt.h"
#include "stage/stage.h"

/* ---- detect.c: anomalies of a stream, in place of a profile ---- */

/* The rows of --detect and what belongs to it. */
extern const struct opt detect_options[];

/* Was it asked for? Known once stage_start has read the options. */
bool detect_asked(void);

/* Reads the stream to its end. 0, or -1 with st->err. */
int detect_run(struct stage *st);

#endif
