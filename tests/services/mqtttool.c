/* mqtttool: publishes the lines of stdin, each a message, for tests.
 *
 *     mqtttool HOST PORT TOPIC [QOS [RETAIN [CAFILE [USER PASSWORD]]]]
 *
 * Ends with 0 when the broker has acknowledged all of them, within 60 s. A %d
 * in the topic is the line's number. */
#include <mosquitto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long acknowledged;
static int connected = -1;

static void on_connect(struct mosquitto *m, void *context, int reason)
{
    (void)m, (void)context;
    connected = reason;
}

static void on_publish(struct mosquitto *m, void *context, int mid)
{
    (void)m, (void)context, (void)mid;
    acknowledged++;
}

static int turn(struct mosquitto *m, time_t end)
{
    int rc = mosquitto_loop(m, 10, 1);
    if (rc)
        fprintf(stderr, "mqtttool: %s\n", mosquitto_strerror(rc));
    return rc || time(NULL) > end;
}

int main(int argc, char **argv)
{
    char *line = NULL, topic[1000];
    size_t cap = 0;
    ssize_t n;
    long sent = 0;
    time_t end = time(NULL) + 60;
    if (argc < 4)
        return 64;
    int qos = argc > 4 ? atoi(argv[4]) : 1;
    mosquitto_lib_init();
    struct mosquitto *m = mosquitto_new(NULL, true, NULL);
    mosquitto_connect_callback_set(m, on_connect);
    mosquitto_publish_callback_set(m, on_publish);
    mosquitto_max_inflight_messages_set(m, 20);
    if (argc > 6 && *argv[6])
        mosquitto_tls_set(m, argv[6], NULL, NULL, NULL, NULL);
    if (argc > 8)
        mosquitto_username_pw_set(m, argv[7], argv[8]);
    if (mosquitto_connect(m, argv[1], atoi(argv[2]), 60))
        return 69;
    while (connected)
        if (turn(m, end))
            return 69;
    while ((n = getline(&line, &cap, stdin)) >= 0) {
        const char *number = strstr(argv[3], "%d");
        if (number)
            snprintf(topic, sizeof(topic), "%.*s%ld%s", (int)(number - argv[3]),
                     argv[3], sent, number + 2);
        else
            snprintf(topic, sizeof(topic), "%s", argv[3]);
        if (n && line[n - 1] == '\n')
            n--;
        if (mosquitto_publish(m, NULL, topic, (int)n, line, qos,
                              argc > 5 && atoi(argv[5])))
            return 70;
        sent++;
        while (sent - acknowledged >= 1000)
            if (turn(m, end))
                return 75;
    }
    while (acknowledged < sent)
        if (turn(m, end))
            return 75;
    mosquitto_disconnect(m);
    mosquitto_loop(m, 10, 1);
    free(line);
    return 0;
}
