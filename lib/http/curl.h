/* curl: libcurl, loaded when it is asked for.
 *
 * It and what it needs take several times as long to load as all of our own,
 * and a minimal machine may lack it. Once loaded it stays: its threads may
 * still be looking up a name. Thread-safe. */
#ifndef HTTP_CURL_H
#define HTTP_CURL_H

#include "base/err.h"

#include <curl/curl.h>

/* What of libcurl is used. */
struct curl_lib {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*setopt)(CURL *c, CURLoption option, ...);
    CURLcode (*getinfo)(CURL *c, CURLINFO info, ...);
    CURLcode (*perform)(CURL *c);
    CURLcode (*pause)(CURL *c, int bits);
    void (*easy_cleanup)(CURL *c);
    const char *(*strerror)(CURLcode code);
    struct curl_slist *(*slist_append)(struct curl_slist *l, const char *s);
    void (*slist_free)(struct curl_slist *l);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *m, CURLMoption option, ...);
    CURLMcode (*multi_add)(CURLM *m, CURL *c);
    CURLMcode (*multi_remove)(CURLM *m, CURL *c);
    CURLMcode (*multi_perform)(CURLM *m, int *running);
    CURLMcode (*multi_poll)(CURLM *m, struct curl_waitfd *extra, unsigned n,
                            int timeout_ms, int *ready);
    CURLMsg *(*multi_info_read)(CURLM *m, int *left);
    CURLMcode (*multi_cleanup)(CURLM *m);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *u);
    CURLUcode (*url_set)(CURLU *u, CURLUPart what, const char *part,
                         unsigned flags);
    CURLUcode (*url_get)(const CURLU *u, CURLUPart what, char **part,
                         unsigned flags);
    void (*free)(void *p);
    time_t (*getdate)(const char *p, const time_t *unused);
};

/* The library, static; NULL with ERR_UNAVAILABLE naming the package. */
const struct curl_lib *curl_lib(struct err *e);

#endif
