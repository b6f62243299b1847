/* gausswindow: the detector that others have to beat. How far a value is out
 * of the mean of the last WINDOW values, in standard deviations of them, as
 * minus the decimal logarithm of the tail probability of a normal value.
 *
 *     gausswindow WINDOW <VALUES >SCORES
 *
 * VALUES has a line "SERIES<TAB>TIME<TAB>VALUE" for each value, SCORES the same
 * with the score in its place; every series begins anew. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char name[128], time[40], last[128] = "";
    double value, sum = 0, squares = 0;
    long n = 0, window = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    double *ring = window > 1 ? calloc((size_t)window, sizeof(*ring)) : NULL;
    if (!ring)
        return 64;
    while (scanf(" %127[^\t]\t%39[^\t]\t%lf", name, time, &value) == 3) {
        if (strcmp(name, last) != 0) {
            strcpy(last, name);
            sum = squares = 0;
            n = 0;
        }
        long held = n < window ? n : window;
        double score = 0;
        if (held > 1) {
            double mean = sum / (double)held;
            double least = 1e-6 * fabs(mean) + 1e-9;
            double sd = sqrt(fmax(0, squares / (double)held - mean * mean));
            double z = fabs(value - mean) / fmax(sd, least);
            score = -log10(erfc(fmin(z, 37) / sqrt(2)));
        }
        printf("%s\t%s\t%.6f\n", name, time, score);
        double *slot = &ring[n++ % window];
        if (held == window) {
            sum -= *slot;
            squares -= *slot * *slot;
        }
        *slot = value;
        sum += value;
        squares += value * value;
    }
    free(ring);
    return 0;
}
