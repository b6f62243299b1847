/* html: text as part of a page, whatever it holds.
 *
 * Names and messages come from data and from foreign programs: markup in them
 * is shown and not obeyed, and neither are controls and characters that reorder
 * a line (json/visible.h). What fails shows in out->failed. */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "base/buf.h"

/* Appends s, for text and for attribute values in quotes. */
void html_text(struct buf *out, struct str s);

/* The same of a NUL-terminated string; nothing where it is NULL. */
void html_textz(struct buf *out, const char *z);

/* Appends a link to url with the text; text alone where url is no http or https
 * URL. */
void html_link(struct buf *out, const char *url, const char *text);

#endif
