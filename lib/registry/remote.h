/* remote: a schema registry behind a URL, and what it said before.
 *
 * Documents are asked for by HTTP, with retries (http/fetch.h), and kept in a
 * folder: schemas under an id or a version never change, so that what was
 * read once can be read again while the registry is away. Credentials come
 * from where --registry-auth or --registry-token names, else from netrc; they
 * go to the registry's origin alone. One thread. */
#ifndef REGISTRY_REMOTE_H
#define REGISTRY_REMOTE_H

#include "cli/opt.h"
#include "registry/registry.h"

/* What options say; all borrowed. */
struct remote_options {
    const char *url;   /* http:// or https://, with a path or without */
    const char *auth;  /* where "NAME:PASSWORD" is: env:NAME, file:PATH; NULL */
    const char *token; /* where a bearer token is; NULL */
    const char *ca;    /* a file of certificates; NULL: the system's */
    bool validate, tagged_unions, json_names; /* as registry_options */
};

/* Rows for the table of a connector that decodes framed messages; what they
 * give stands in remote_given. */
extern struct remote_options remote_given;

/* clang-format off */
#define REMOTE_OPTIONS                                                        \
    { OPT_STRING, 0, "registry", "URL", &remote_given.url,                    \
      "ask this schema registry (http:// or https://) for the schemas of "    \
      "framed messages: Avro, Protobuf, JSON Schema",                         \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },                  \
    { OPT_STRING, 0, "registry-auth", "SOURCE", &remote_given.auth,           \
      "take the registry's NAME:PASSWORD from env:NAME or file:PATH; "        \
      "default: netrc",                                                       \
      NULL, 0, 0, 91, COMPLETE_NONE, NULL },                                  \
    { OPT_STRING, 0, "registry-token", "SOURCE", &remote_given.token,         \
      "take a bearer token for the registry from env:NAME or file:PATH",      \
      NULL, 0, 0, 91, COMPLETE_NONE, NULL },                                  \
    { OPT_STRING, 0, "registry-ca", "FILE", &remote_given.ca,                 \
      "trust these certificates of the registry, and not the system's",       \
      NULL, 0, 0, 0, COMPLETE_FILE, NULL },                                   \
    { OPT_FLAG, 0, "registry-validate", NULL, &remote_given.validate,         \
      "hold JSON messages against their JSON Schema",                         \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },                                   \
    { OPT_FLAG, 0, "registry-tags", NULL, &remote_given.tagged_unions,        \
      "write Avro unions as {\"TYPE\":VALUE}, as Avro's own JSON does",       \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },                                   \
    { OPT_FLAG, 0, "registry-json-names", NULL, &remote_given.json_names,     \
      "name Protobuf fields in lowerCamelCase, as its own JSON does",         \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL }
/* clang-format on */

struct remote;

/* Nothing is asked yet. state_dir (NULL: nothing is kept), app, stop (NULL:
 * never) and what opts has are borrowed until remote_close. -1 with ERR_USAGE
 * (no such URL or source), ERR_UNAVAILABLE (libcurl), and as secret_read. */
int remote_open(struct remote **r, const struct remote_options *opts,
                const char *state_dir, const char *app, bool (*stop)(void),
                struct err *e);
void remote_close(struct remote *r); /* NULL is fine */

/* For registry_new; context is the remote. */
int remote_get(void *context, const char *path, struct buf *body,
               struct err *e);

#endif
