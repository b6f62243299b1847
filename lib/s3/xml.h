/* xml: the little of XML that S3 answers in, read element by element.
 *
 * Elements, text, CDATA, comments, the five entities and character references.
 * Attributes are passed over, prefixes of names dropped. A document type is
 * refused, and with it every entity of its own: nothing grows here. Text is
 * UTF-8 and not checked further. Not thread-safe. */
#ifndef S3_XML_H
#define S3_XML_H

#include "base/buf.h"
#include "base/err.h"

#define XML_DEPTH_MAX 32

struct xml {
    struct str rest;                /* borrowed: what is still to be read */
    struct str open[XML_DEPTH_MAX]; /* names, as they are written */
    size_t depth;
    struct buf text; /* owned: of the element read last */
    bool empty;      /* the element opened last ends at once */
    bool seen;       /* the outermost element */
};

enum xml_event {
    XML_OPEN, /* name begins */
    XML_CLOSE /* name ends; text is what stood in it since the last event, so
                 all of it in an element without others inside */
};

/* Borrowed until the next xml_next. */
struct xml_node {
    enum xml_event event;
    struct str name, parent; /* parent empty for the outermost */
    struct str text;         /* CLOSE */
};

/* Reads text (borrowed until xml_free). */
void xml_init(struct xml *x, struct str text);
void xml_free(struct xml *x);

/* 1, 0 at the end of a whole document, -1 with ERR_DATA where it is none. */
int xml_next(struct xml *x, struct xml_node *node, struct err *e);

#endif
