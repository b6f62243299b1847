/* sensor: something outside of us that will hold one day: a file is there, a
 * server answers, a run of another pipeline has ended well.
 *
 *     sensor_open(&s, uri, &opts, e);      what is wrong for good fails here
 *     while ((r = sensor_look(s, e)) == 0)
 *         ... s->why says what is missing; wait
 *     sensor_close(s);
 *
 * A look asks once. What may change by itself (a file that is not there, a
 * server that is away or answers 404, 429 or 5xx, a lock) is "not yet"; what
 * will never hold (a permission, a query that does not fit the database, a
 * certificate) is an error. Nothing is changed anywhere: databases are asked
 * in read-only transactions. Not thread-safe. */
#ifndef WAIT_SENSOR_H
#define WAIT_SENSOR_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/opt.h"
#include "s3/client.h"

#include <stdbool.h>
#include <stdint.h>

/* Whom an option is for. */
enum {
    SENSOR_FILE = 1,
    SENSOR_URL = 2,
    SENSOR_SQL = 4,
    SENSOR_LAG = 8,
    SENSOR_OBJECT = 16,
    SENSOR_RUN = 32
};

/* What can be said about sensors; each takes what is for its kind. Strings are
 * borrowed while sensors are open; NULL and 0: not given. */
struct sensor_opts {
    uint64_t min_size;      /* bytes: of a file, of an object */
    uint64_t stable_ms;     /* a file must stay as it is so long */
    const char *newer_than; /* a time, or a file */
    const char *marker;     /* a file in the folder that is named */
    const char *count;      /* "[OP]N" files that match */
    uint64_t expect;        /* HTTP status */
    const char *match;      /* regular expression for the body */
    const char *json;       /* "POINTER=VALUE" for the body */
    struct opt_list headers;
    const char *token, *netrc; /* credentials of a URL, by their place */
    const char *ca_file;
    bool allow_private;
    uint64_t patience_ms; /* for an answer of a server; 0: its default */
    const char *query;
    bool allow_missing; /* a table, a database file, a topic that is not there
                           may come */
    const char *group;
    uint64_t max_lag;
    struct s3_opts s3;
    bool keep_waiting; /* also where a run has failed for good */
    const char *state; /* the state directory */
    const char *date;  /* of runs */
    const char *tz;
    bool (*stop)(void); /* true: give up waiting for an answer */
};

struct sensor;

struct sensor_kind {
    unsigned bit;                /* SENSOR_FILE ... */
    const char *const *prefixes; /* of its URIs; NULL-terminated */
    size_t size;                 /* of its struct, which begins with a sensor */
    int (*open)(struct sensor *s, struct err *e);
    int (*look)(struct sensor *s, struct err *e);
    void (*close)(struct sensor *s);
    /* Calls watch for each folder in which something may happen that concerns
     * it; NULL: there is none. */
    void (*places)(struct sensor *s,
                   void (*watch)(void *context, const char *folder),
                   void *context);
};

struct sensor {
    const struct sensor_kind *kind;
    const struct sensor_opts *opts; /* borrowed */
    char *uri;                      /* owned */
    const char *name; /* what messages call it: the uri, unless a secret may
                         be in it */
    struct buf why; /* after a look that gave 0: what is missing, as a clause */
    uint64_t rest_ms; /* then: do not look again before so long */
    bool settling;    /* then: it holds, but has to stay so for rest_ms */
};

/* Opens the sensor of a URI, which is copied. 0 with *s owned, freed with
 * sensor_close; -1 with ERR_USAGE (no such kind, an option it needs is missing
 * or wrong), ERR_CONFIG, ERR_NOPERM, ERR_NOINPUT, ERR_UNAVAILABLE (a
 * library). */
int sensor_open(struct sensor **s, const char *uri,
                const struct sensor_opts *opts, struct err *e);
void sensor_close(struct sensor *s); /* NULL is fine */

/* 1: it holds; 0: not yet, with s->why; -1 with e: it never will. */
int sensor_look(struct sensor *s, struct err *e);

/* For kinds: says why not (yet). Always 0, or -1 without memory. */
int sensor_lacks(struct sensor *s, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

extern const struct sensor_kind file_sensor, url_sensor, sqlite_sensor,
    pg_sensor, lag_sensor, object_sensor, run_sensor;

#endif
