#include "http/curl.h"

#include "io/dynlib.h"

#include <pthread.h>
#include <stdbool.h>

static struct curl_lib lib;
static bool loaded;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int load(struct err *e)
{
    static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4",
                                         NULL };
    const struct dynlib_symbol symbols[] = {
        { "curl_global_init", &lib.global_init },
        { "curl_easy_init", &lib.easy_init },
        { "curl_easy_setopt", &lib.setopt },
        { "curl_easy_getinfo", &lib.getinfo },
        { "curl_easy_perform", &lib.perform },
        { "curl_easy_pause", &lib.pause },
        { "curl_easy_cleanup", &lib.easy_cleanup },
        { "curl_easy_strerror", &lib.strerror },
        { "curl_slist_append", &lib.slist_append },
        { "curl_slist_free_all", &lib.slist_free },
        { "curl_multi_init", &lib.multi_init },
        { "curl_multi_setopt", &lib.multi_setopt },
        { "curl_multi_add_handle", &lib.multi_add },
        { "curl_multi_remove_handle", &lib.multi_remove },
        { "curl_multi_perform", &lib.multi_perform },
        { "curl_multi_poll", &lib.multi_poll },
        { "curl_multi_info_read", &lib.multi_info_read },
        { "curl_multi_cleanup", &lib.multi_cleanup },
        { "curl_url", &lib.url },
        { "curl_url_cleanup", &lib.url_cleanup },
        { "curl_url_set", &lib.url_set },
        { "curl_url_get", &lib.url_get },
        { "curl_free", &lib.free },
        { "curl_getdate", &lib.getdate },
    };
    if (dynlib_load("libcurl", "libcurl4", names, symbols,
                    sizeof(symbols) / sizeof(symbols[0]), e))
        return -1;
    return lib.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
               ? 0
               : err_set(e, ERR_UNAVAILABLE, "libcurl does not start");
}

const struct curl_lib *curl_lib(struct err *e)
{
    pthread_mutex_lock(&mutex);
    loaded = loaded || load(e) == 0;
    pthread_mutex_unlock(&mutex);
    return loaded ? &lib : NULL;
}
