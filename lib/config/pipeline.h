/* pipeline: what is declared of a pipeline in CONFIG/NAME.json.
 *
 * pipeutils-config(5) describes the members. All are optional; one that is not
 * known is an error, so that a slip of the pen is found when it is made. */
#ifndef CONFIG_PIPELINE_H
#define CONFIG_PIPELINE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPELINE_CONF_MAX ((size_t)1 << 20) /* bytes of a file */

/* What somebody may be told of, as bits. */
enum pipeline_event {
    PIPELINE_FAILED = 1,        /* the last run failed */
    PIPELINE_LATE = 2,          /* no ok run within the SLA */
    PIPELINE_STALE = 4,         /* none for longer than freshness */
    PIPELINE_VOLUME = 8,        /* rows off what is expected */
    PIPELINE_SLOW = 16,         /* longer than expected.duration */
    PIPELINE_DEAD_LETTERS = 32, /* over a threshold */
    PIPELINE_RECOVERED = 64,    /* all is well again */
    PIPELINE_OK = 128           /* a run ended well */
};

enum pipeline_severity { PIPELINE_INFO, PIPELINE_WARNING, PIPELINE_CRITICAL };

enum pipeline_channel { PIPELINE_COMMAND, PIPELINE_WEBHOOK, PIPELINE_MAIL };

struct pipeline_notify {
    unsigned on;                     /* bits of enum pipeline_event; never 0 */
    enum pipeline_severity severity; /* the least; default warning */
    enum pipeline_channel channel;
    const char *target; /* shell line, URL or address */
    uint64_t repeat_ms; /* again after so long while it lasts; 0: never */
};

struct pipeline_var {
    const char *name, *value; /* value as written: text, env:NAME, file:PATH */
};

struct pipeline_env {
    const char *name; /* "prod" */
    struct pipeline_var *vars;
    size_t n_vars;
};

/* Texts are NULL and times 0 where the file does not say. All is owned by the
 * arena. */
struct pipeline_conf {
    const char *pipeline; /* never NULL: the name of the file */
    const char *owner, *runbook;
    const char *schedule_text;
    struct schedule schedule; /* where schedule_text is given */
    const char *tz;           /* known to the system; NULL: UTC */
    uint64_t sla_ms, freshness_ms;
    struct {
        bool has_rows;
        uint64_t rows;
        double tolerance; /* share of rows, 0.3 for "30%"; default 0.5 */
        uint64_t duration_ms;
        bool has_dead_letters;
        uint64_t dead_letters; /* open ones, at most */
    } expected;
    struct {
        bool given;
        double cpu_hour, gib_hour, gib_in, gib_out;
        const char *currency; /* NULL: not named */
    } price;
    struct pipeline_notify *notify;
    size_t n_notify;
    const char *ping;
    struct {
        uint64_t runs_ms, dead_letters_ms, logs_ms; /* 0: for ever */
    } keep;
    struct pipeline_env *envs;
    size_t n_envs;
    const char **upstream;
    size_t n_upstream;
    struct arena text;
};

/* Appends the folder of pipeline files: `given` unless that is NULL (--config
 * with PIPE_CONFIG), else the first of $CONFIGURATION_DIRECTORY, else
 * /etc/pipeutils. 0 or -1 (memory). */
int config_dir(struct buf *path, const char *given, struct err *e);

/* Reads DIR/NAME.json: 1; 0 where there is none; -1 with ERR_CONFIG naming the
 * file and the place in it, ERR_NOPERM, ERR_IO or ERR_TEMPFAIL. c needs no init
 * and is freed with pipeline_conf_free in every case. */
int pipeline_conf_read(const char *dir, const char *name,
                       struct pipeline_conf *c, struct err *e);

/* The same for text, as if it stood in the file `file`, which ends in
 * NAME.json. 0 or -1. */
int pipeline_conf_parse(struct str text, const char *file, const char *name,
                        struct pipeline_conf *c, struct err *e);

void pipeline_conf_free(struct pipeline_conf *c);

/* The names of all pipeline files in dir, sorted; a folder that is not there
 * has none. l needs no init and is freed with pipeline_list_free in every
 * case. 0 or -1. */
struct pipeline_list {
    char **names; /* owned */
    size_t n, cap;
};
int pipeline_conf_list(const char *dir, struct pipeline_list *l, struct err *e);
void pipeline_list_free(struct pipeline_list *l);

/* "late" and so on; 0 for a name that is none. */
const char *pipeline_event_name(enum pipeline_event event);
unsigned pipeline_event_of(struct str name);

/* "info", "warning" or "critical". */
const char *pipeline_severity_name(enum pipeline_severity s);

/* The variables of an environment, or NULL where it is not declared. */
const struct pipeline_env *pipeline_env_find(const struct pipeline_conf *c,
                                             const char *name);

#endif
