/* Which partitions there are, and where each starts and ends. */
#include "kafka/consumer_private.h"

#include <inttypes.h>
#include <stdlib.h>

#define ASK_MS 1000 /* of one request: then a signal is looked for */

/* A broker that has just come back may show an older end for a moment. */
#define SHORT_MS 3000

/* A request failed: 0 where it is to be tried again, -1 with e. */
static int try_again(struct consumer *c, rd_kafka_resp_err_t err,
                     uint64_t until, const char *what, struct err *e)
{
    bool away = rd_is_away(err);
    bool known = away && c->trouble.err;
    rd_kafka_resp_err_t why = known ? c->trouble.err : err;
    enum err_code code = rd_code(why);

    if (c->spec->stop && c->spec->stop())
        return err_set(e, ERR_TEMPFAIL, "stopped by a signal");
    if (away && code != ERR_NOPERM && consumer_now() < until)
        return 0;
    /* Before anything was read it is a service that is not there. */
    if (code == ERR_TEMPFAIL && away && !c->assigned)
        code = ERR_UNAVAILABLE;
    return err_set(e, code, "cannot %s of '%s': %s", what, c->spec->uri,
                   known ? c->trouble.text : c->rd->err2str(err));
}

static uint64_t deadline(const struct consumer *c)
{
    return consumer_now() + c->spec->patience_ms;
}

/* ---- partitions ---- */

static int add_topic(struct consumer *c, const rd_kafka_metadata_topic_t *t,
                     struct err *e)
{
    for (int i = 0; i < t->partition_cnt; i++)
        if (!consumer_find(c, t->topic, t->partitions[i].id))
            return err_nomem(e);
    return 0;
}

static int find_topic(struct consumer *c, const char *name, uint64_t until,
                      struct err *e)
{
    const struct rd *rd = c->rd;
    rd_kafka_topic_t *rkt = rd->topic_new(c->rk, name, NULL);
    int r = 0;
    bool found = false;
    if (!rkt)
        return err_set(e, ERR_TEMPFAIL, "cannot use topic '%s': %s", name,
                       rd->err2str(rd->last_error()));
    while (r == 0 && !found) {
        const struct rd_kafka_metadata *m = NULL;
        rd_kafka_resp_err_t err = rd->metadata(c->rk, 0, rkt, &m, ASK_MS);
        if (!err)
            err = m->topic_cnt == 1 ? m->topics[0].err
                                    : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        found = !err;
        if (found)
            r = add_topic(c, &m->topics[0], e);
        else if (rd_code(err) == ERR_NOINPUT)
            r = err_set(e, ERR_NOINPUT, "topic '%s' of '%s' does not exist",
                        name, c->spec->uri);
        else {
            /* What is wrong is told to who polls; nothing else comes yet. */
            if (!c->assigned)
                rd->poll(c->rk, 0);
            r = try_again(c, err, until, "find the topics", e);
        }
        if (m)
            rd->metadata_destroy(m);
    }
    rd->topic_destroy(rkt);
    return r;
}

int place_find(struct consumer *c, uint64_t until, struct err *e)
{
    for (size_t i = 0; i < c->uri.n_topics; i++)
        if (find_topic(c, c->uri.topics[i], until, e))
            return -1;
    return 0;
}

/* ---- offsets ---- */

/* The first offset that is kept, and the one behind the last committed. */
static int ask_ends(struct consumer *c, const struct consumer_part *p,
                    int64_t *low, int64_t *high, struct err *e)
{
    uint64_t until = deadline(c);
    for (;;) {
        rd_kafka_resp_err_t err = c->rd->query_watermark_offsets(
            c->rk, p->topic, p->id, low, high, ASK_MS);
        if (!err)
            return 0;
        if (try_again(c, err, until, "find the ends of the partitions", e))
            return -1;
    }
}

/* The first offset at or behind a time; that of the end where there is none. */
static int ask_time(struct consumer *c, const struct consumer_part *p,
                    int64_t high, int64_t *offset, struct err *e)
{
    const struct rd *rd = c->rd;
    uint64_t until = deadline(c);
    rd_kafka_topic_partition_list_t *list = rd->topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at =
        rd->topic_partition_list_add(list, p->topic, p->id);
    int r = 0;
    for (bool asked = false; r == 0 && !asked;) {
        at->offset = c->spec->from;
        at->err = 0;
        rd_kafka_resp_err_t err = rd->offsets_for_times(c->rk, list, ASK_MS);
        asked = !err && !at->err;
        if (!asked)
            r = try_again(c, err ? err : at->err, until, "find a time", e);
    }
    *offset = at->offset >= 0 ? at->offset : high;
    rd->topic_partition_list_destroy(list);
    return r;
}

int place_group(struct consumer *c, struct consumer_part *const *parts,
                size_t n, bool first, struct err *e)
{
    const struct rd *rd = c->rd;
    uint64_t until = deadline(c);
    rd_kafka_topic_partition_list_t *list =
        rd->topic_partition_list_new((int)n);
    rd_kafka_resp_err_t err;
    int r = 0;
    for (size_t i = 0; i < n; i++)
        rd->topic_partition_list_add(list, parts[i]->topic, parts[i]->id);
    while ((err = rd->committed(c->rk, list, ASK_MS)) && r == 0)
        r = try_again(c, err, until, "find the offsets of the group", e);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct consumer_part *p = parts[i];
        int64_t offset = list->elems[i].offset;
        p->group = list->elems[i].err || offset < 0 ? -1 : offset;
        if (first)
            p->seen = p->asked = p->group;
    }
    rd->topic_partition_list_destroy(list);
    return r;
}

/* Where a partition goes on: -1 where nobody has read it. What was handed out
 * in this run comes first, then the ledger. The group's offset follows the
 * ledger's: if it has moved since the start, another member's load has got
 * further than the ledger said then. Else it may be one of another target. */
static int64_t known_offset(struct consumer *c, const struct consumer_part *p)
{
    int64_t offset = -1;
    if (!c->spec->resume(c->spec->context, c, p->topic, p->id, &offset))
        offset = c->spec->from == CONSUMER_GROUP ? p->group : -1;
    if (p->next > offset)
        offset = p->next;
    if (p->safe > offset)
        offset = p->safe;
    return c->spec->group && p->group != p->seen && p->group > offset ? p->group
                                                                      : offset;
}

static int refuse_gap(struct consumer *c, const struct consumer_part *p,
                      int64_t offset, int64_t low, int64_t high, struct err *e)
{
    if (offset < low)
        return err_set(e, ERR_DATA,
                       "messages are gone: '%s' has partition %" PRId32
                       " of topic '%s' from offset %" PRId64
                       " on, and reading goes on at %" PRId64
                       " (--kafka-gone skip goes on without them)",
                       c->spec->uri, p->id, p->topic, low, offset);
    return err_set(e, ERR_DATA,
                   "messages are gone: partition %" PRId32
                   " of topic '%s' of '%s' ends at offset %" PRId64
                   ", and reading goes on at %" PRId64
                   ": was the topic made anew? (--kafka-gone skip reads it "
                   "from its beginning)",
                   p->id, p->topic, c->spec->uri, high, offset);
}

static int first_offset(struct consumer *c, const struct consumer_part *p,
                        int64_t low, int64_t high, int64_t *offset,
                        struct err *e)
{
    *offset = c->spec->from == CONSUMER_END ? high : low;
    /* Partitions that were added while we read are read whole. */
    if (c->spec->from < 0 || c->assigned)
        return 0;
    return ask_time(c, p, high, offset, e);
}

int place_part(struct consumer *c, struct consumer_part *p, struct err *e)
{
    int64_t low, high, offset = known_offset(c, p);
    uint64_t patience = c->spec->patience_ms;
    uint64_t until =
        consumer_now() + (patience < SHORT_MS ? patience : SHORT_MS);
    bool again;
    do {
        if (ask_ends(c, p, &low, &high, e))
            return -1;
        again = offset > high && consumer_now() < until;
        if (again)
            consumer_pause();
    } while (again);
    if (offset < 0 && first_offset(c, p, low, high, &offset, e))
        return -1;
    if (offset < low || offset > high) {
        if (!c->spec->skip_gone)
            return refuse_gap(c, p, offset, low, high, e);
        offset = low;
    }
    p->next = offset;
    /* Given back by the group, it still ends where it did. */
    if (p->end < 0)
        p->end = high;
    p->done = !c->spec->follow && offset >= p->end;
    return 0;
}
