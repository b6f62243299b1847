/* The trace context: what is taken, what is refused, what children get. */
#include "unit.h"

#include "observe/trace.h"

#include <stddef.h>

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

TEST("a traceparent is taken as the parent of a span of our own")
{
    struct trace t;
    char text[TRACE_TEXT];
    CHECK(trace_join(&t, STR(GOOD)));
    CHECK_STR(t.id, "4bf92f3577b34da6a3ce929d0e0e4736");
    CHECK_STR(t.parent, "00f067aa0ba902b7");
    CHECK(strlen(t.span) == 16 && strcmp(t.span, t.parent) != 0);
    trace_format(&t, text);
    CHECK(strncmp(text, GOOD, 36) == 0 && strcmp(text + 52, "-01") == 0);
    CHECK(strncmp(text + 36, t.span, 16) == 0);
    CHECK(trace_join(&t, STR("cc"
                             "-4bf92f3577b34da6a3ce929d0e0e4736-"
                             "00f067aa0ba902b7-00-of-a-later-version")));
    CHECK_STR(t.flags, "00");
}

TEST("what is no traceparent begins nothing")
{
    static const char *const bad[] = {
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    };
    struct trace t;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK(!trace_join(&t, str_of(bad[i])) && t.id[0] == '\0');
}

TEST("a trace begins where there was none, and children join it")
{
    struct trace t, again;
    char text[TRACE_TEXT];
    trace_begin(&t);
    CHECK(strlen(t.id) == 32 && strlen(t.span) == 16 && t.parent[0] == '\0');
    trace_format(&t, text);
    CHECK(trace_join(&again, str_of(text)));
    CHECK_STR(again.id, t.id);
    CHECK_STR(again.parent, t.span);
}

UNIT_MAIN
