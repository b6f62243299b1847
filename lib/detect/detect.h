/* detect: anomalies in one series of numbers, value by value, in a block of
 * memory that never grows.
 *
 * What a value is expected to be is said by several predictors: an
 * exponentially weighted mean of the last values and, for each season, the
 * mean of earlier values in the same slot of the period (the seasonal naive
 * forecast, smoothed), moved by what the season has been off of late. The one
 * that was nearest so far counts. The error of a prediction, in units of the
 * errors that are usual (a mean of absolute ones, each clipped, as Huber has
 * it), is judged twice: by itself, and as the mean of the last ten or so, which
 * finds what is a little wrong for long. Each is held against its own long
 * history, as Ahmad, Lavin, Purdy and Agha do ("Unsupervised real-time anomaly
 * detection for streaming data", 2017): a series that is wild by nature has to
 * be wilder. The score adds up both: it is minus the decimal logarithm of the
 * probability that two independent normal values were as far out (Fisher's
 * method), so 6 is about one in a million.
 *
 * Values are taken relative to the first one: to add a constant to all values,
 * or to multiply them by one, changes no score but by rounding. Not
 * thread-safe. */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DETECT_SEASONS_MAX 4
#define DETECT_SLOTS_MAX 100000

/* Values further from 0 are for the caller to refuse. */
#define DETECT_VALUE_MAX 1e37

struct detect_season {
    int64_t period_us;
    uint32_t slots; /* 1 to DETECT_SLOTS_MAX: parts of the period, each with an
                       expectation of its own */
};

struct detect_params {
    struct detect_season seasons[DETECT_SEASONS_MAX];
    size_t n_seasons;
    double threshold;  /* an alert is a score of so much, or more */
    uint64_t warm_up;  /* values that are learnt from before one is judged */
    uint64_t cooldown; /* values from an alert on before the next can be */
};

/* What is known of a series. Zeroed it knows nothing. */
struct detect;

struct detect_verdict {
    bool judged; /* false in the warm-up: there is no score */
    bool alert;  /* the first value of an event: the score has come to the
                    threshold, was below half of it since the last alert, and
                    that was at least `cooldown` values ago */
    double score;
    double expected; /* the value itself where it is the first */
};

/* Bytes that a series takes, the same for all of them. */
size_t detect_size(const struct detect_params *p);

/* Judges the next value (within DETECT_VALUE_MAX) of the series d, detect_size
 * bytes aligned for a double, and learns from it. clock_us is what clocks show
 * at that moment, in microseconds from any beginning of all periods; of no
 * account without seasons. Constant cost. */
void detect_next(const struct detect_params *p, struct detect *d,
                 int64_t clock_us, double value, struct detect_verdict *v);

#endif
