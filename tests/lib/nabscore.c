/* nabscore: scores of anomaly detectors by the rules of the Numenta Anomaly
 * Benchmark (Lavin and Ahmad 2015, "Evaluating Real-Time Anomaly Detection
 * Algorithms - the Numenta Anomaly Benchmark").
 *
 *     nabscore WINDOWS QUIET [THRESHOLD] <SCORES
 *
 * WINDOWS has a line "SERIES<TAB>FIRST<TAB>LAST" for each anomaly window, whose
 * ends are times as they stand in SCORES, and in order. SCORES has a line
 * "SERIES<TAB>TIME<TAB>SCORE" for each value, series by series in order of time
 * ("null": none). A value is detected where its score is at least a threshold,
 * one and the same for all series; a detection is an alert unless one was made
 * less than QUIET values before, or the score has not been below half of the
 * threshold since (QUIET 0: all are).
 *
 * Prints a line "PROFILE SCORE THRESHOLD ALERTS" for each of the three
 * profiles, with the threshold that serves it best, or with THRESHOLD. A score
 * is 100 for who detects each window at its first value and nothing else, and 0
 * for who detects nothing.
 *
 * The rules: an alert in a window earns by how early it is, up to 1; only the
 * first counts. A window without one costs the profile's weight. An alert
 * outside costs the profile's weight, less right behind a window. The first 15
 * % of a series, of at most 5000 values, do not count. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX 64
#define WINDOWS_MAX 16
#define NAME_MAX_BYTES 128

struct window {
    char from[40], to[40];
    long first, last; /* values; -1: not seen yet */
};

struct series {
    char name[NAME_MAX_BYTES];
    struct window windows[WINDOWS_MAX];
    size_t n_windows;
    double *scores;
    long n, room;
};

static struct series all[SERIES_MAX];
static size_t n_all;

static const struct profile {
    const char *name;
    double alarm, miss; /* weights of what should not be */
} profiles[] = { { "standard", 0.11, 1 },
                 { "reward_low_FP", 0.22, 1 },
                 { "reward_low_FN", 0.11, 2 } };

static void die(const char *what, const char *which)
{
    fprintf(stderr, "nabscore: %s '%s'\n", what, which);
    exit(1);
}

static struct series *series_named(const char *name)
{
    for (size_t i = 0; i < n_all; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    if (n_all == SERIES_MAX || strlen(name) >= NAME_MAX_BYTES)
        die("too many series, or too long", name);
    strcpy(all[n_all].name, name);
    return &all[n_all++];
}

static void read_windows(const char *path)
{
    char name[NAME_MAX_BYTES], from[40], to[40];
    FILE *f = fopen(path, "r");
    if (!f)
        die("cannot open", path);
    while (fscanf(f, " %127[^\t]\t%39[^\t]\t%39[^\n]", name, from, to) == 3) {
        struct series *s = series_named(name);
        if (s->n_windows == WINDOWS_MAX)
            die("too many windows in", name);
        struct window *w = &s->windows[s->n_windows++];
        strcpy(w->from, from);
        strcpy(w->to, to);
        w->first = w->last = -1;
    }
    fclose(f);
}

static void add(struct series *s, const char *time, double score)
{
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 4096;
        s->scores = realloc(s->scores, (size_t)s->room * sizeof(double));
        if (!s->scores)
            die("no memory for", s->name);
    }
    for (size_t i = 0; i < s->n_windows; i++) {
        struct window *w = &s->windows[i];
        if (w->first < 0 && strcmp(time, w->from) == 0)
            w->first = s->n;
        if (w->last < 0 && strcmp(time, w->to) == 0)
            w->last = s->n;
    }
    s->scores[s->n++] = score;
}

static void read_scores(void)
{
    char name[NAME_MAX_BYTES], time[40], text[40], *end;
    struct series *s = NULL;
    while (scanf(" %127[^\t]\t%39[^\t]\t%39[^\n]", name, time, text) == 3) {
        double score = strtod(text, &end);
        if (end == text && strcmp(text, "null") != 0)
            die("no score:", text);
        if (!s || strcmp(s->name, name) != 0)
            s = series_named(name);
        add(s, time, end == text ? 0 : score);
    }
    for (size_t i = 0; i < n_all; i++)
        for (size_t j = 0; j < all[i].n_windows; j++)
            if (all[i].windows[j].first < 0 ||
                all[i].windows[j].last < all[i].windows[j].first)
                die("a window is not in the values of", all[i].name);
}

/* What an alert is worth, by its place relative to a window: -1 is where the
 * window begins, 0 where it ends, 1 as far behind its end as it is long. */
static double worth(double place)
{
    return place > 3 ? -1 : 2 / (1 + exp(5 * place)) - 1;
}

/* The window of value i, or that before it; *in tells which. */
static const struct window *window_at(const struct series *s, long i, bool *in)
{
    const struct window *before = NULL;
    for (size_t k = 0; k < s->n_windows; k++) {
        const struct window *w = &s->windows[k];
        *in = i >= w->first && i <= w->last;
        if (*in)
            return w;
        if (w->last < i)
            before = w;
    }
    return before;
}

static double score_alert(const struct series *s, long i,
                          const struct profile *p, double *found)
{
    bool in = false;
    const struct window *w = window_at(s, i, &in);
    if (!w)
        return -p->alarm;
    double length = (double)(w->last - w->first);
    if (!in)
        return p->alarm * worth((double)(i - w->last) / length);
    double earned =
        worth(-(double)(w->last - i + 1) / (length + 1)) / worth(-1);
    double *best = &found[w - s->windows];
    if (earned > *best)
        *best = earned;
    return 0;
}

static double score_series(const struct series *s, const struct profile *p,
                           double threshold, long quiet, long *alerts)
{
    double sum = 0, found[WINDOWS_MAX];
    long probation = (long)(0.15 * (double)(s->n < 5000 ? s->n : 5000));
    long until = 0;
    bool off = false;
    for (size_t k = 0; k < s->n_windows; k++)
        found[k] = -p->miss;
    for (long i = 0; i < s->n; i++) {
        off = off && s->scores[i] >= threshold / 2;
        if (s->scores[i] < threshold || (quiet && (off || i < until)))
            continue;
        off = true;
        until = i + quiet;
        if (i < probation)
            continue;
        ++*alerts;
        sum += score_alert(s, i, p, found);
    }
    for (size_t k = 0; k < s->n_windows; k++)
        sum += found[k];
    return sum;
}

/* 100 is perfect, 0 nothing. */
static double score(const struct profile *p, double threshold, long quiet,
                    long *alerts)
{
    double sum = 0, windows = 0;
    *alerts = 0;
    for (size_t i = 0; i < n_all; i++) {
        sum += score_series(&all[i], p, threshold, quiet, alerts);
        windows += (double)all[i].n_windows;
    }
    return 100 * (sum + p->miss * windows) / (windows + p->miss * windows);
}

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Thresholds to try: the highest scores one by one, then in wider and wider
 * steps down to the highest tenth. Above all of them is one that nothing
 * reaches. */
static size_t candidates(double *out, size_t most)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < n_all; i++)
        n += (size_t)all[i].n;
    double *scores = malloc(n * sizeof(double) + 1);
    if (!scores)
        die("no memory for", "scores");
    n = 0;
    for (size_t i = 0; i < n_all; i++)
        for (long j = 0; j < all[i].n; j++)
            scores[n++] = all[i].scores[j];
    qsort(scores, n, sizeof(double), descending);
    out[k++] = HUGE_VAL;
    for (size_t i = 0; i < n / 10 && k < most; i += 1 + i / 50)
        if (scores[i] > 0 && scores[i] < out[k - 1])
            out[k++] = scores[i];
    free(scores);
    return k;
}

int main(int argc, char **argv)
{
    static double thresholds[2000];
    size_t n = 1;
    long alerts, best_alerts = 0;
    if (argc < 3)
        die("usage: nabscore WINDOWS QUIET [THRESHOLD] <SCORES, not", "");
    read_windows(argv[1]);
    read_scores();
    if (argc > 3)
        thresholds[0] = strtod(argv[3], NULL);
    else
        n = candidates(thresholds, sizeof(thresholds) / sizeof(*thresholds));
    for (size_t p = 0; p < sizeof(profiles) / sizeof(*profiles); p++) {
        double best = -HUGE_VAL, at = 0;
        for (size_t i = 0; i < n; i++) {
            double s = score(&profiles[p], thresholds[i],
                             strtol(argv[2], NULL, 10), &alerts);
            if (s <= best)
                continue;
            best = s;
            at = thresholds[i];
            best_alerts = alerts;
        }
        printf("%s %.2f %.2f %ld\n", profiles[p].name, best, at, best_alerts);
    }
    return 0;
}
