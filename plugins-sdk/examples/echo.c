/* The echo transport in C: cc -shared -fPIC -I include -o libecho.so examples/echo.c
 * It remembers in its key-value space how often it was started, and tells every ten seconds how much it has echoed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tieline_plugin.h>

struct echo {
    const tieline_host *host;
    double echoes;
    int stopped;
};

enum { REPORT = 1, REPORT_MS = 10000 };

static tieline_bytes text(const char *s) {
    tieline_bytes bytes = {(const uint8_t *)s, strlen(s)};
    return bytes;
}

static int32_t create(const tieline_host *host, tieline_bytes config, void **out) {
    if (host->size < TIELINE_HOST_SIZE_1_0) return TIELINE_INVALID;
    /* It has no settings; an object is all that it asks for. A real plugin parses the JSON here. */
    if (config.len < 2 || config.ptr[0] != '{' || config.ptr[config.len - 1] != '}') {
        host->fault(host->ctx, text("the configuration has to be a JSON object"));
        return TIELINE_FAILED;
    }
    struct echo *echo = calloc(1, sizeof *echo);
    if (echo == NULL) return TIELINE_FAILED;
    echo->host = host;
    *out = echo;
    return TIELINE_OK;
}

/* Counts the starts. May wait for the disk, which is fine while starting. */
static unsigned long count_start(const tieline_host *host) {
    char digits[24] = "";
    unsigned long starts = 1;
    if (!TIELINE_HAS(host, kv_get) || !TIELINE_HAS(host, kv_put)) return starts;
    /* One byte stays zero, so that it ends as a string. What is not a number counts as none. */
    intptr_t length = host->kv_get(host->ctx, text("starts"), (uint8_t *)digits, sizeof digits - 1);
    if (length > 0 && (size_t)length < sizeof digits) starts += strtoul(digits, NULL, 10);
    snprintf(digits, sizeof digits, "%lu", starts);
    host->kv_put(host->ctx, text("starts"), text(digits));
    return starts;
}

static void report_later(const tieline_host *host) {
    if (TIELINE_HAS(host, timer)) host->timer(host->ctx, REPORT, REPORT_MS);
}

static int32_t start(void *instance) {
    struct echo *echo = instance;
    char said[80];
    snprintf(said, sizeof said, "{\"message\":\"echo has started\",\"starts\":%lu}", count_start(echo->host));
    echo->host->log(echo->host->ctx, 3, text("echo_c"), text(said));
    report_later(echo->host);
    return TIELINE_OK;
}

static int32_t timer(void *instance, uint64_t id) {
    struct echo *echo = instance;
    const tieline_host *host = echo->host;
    if (echo->stopped) return TIELINE_CLOSED;
    if (id != REPORT) return TIELINE_OK;
    if (TIELINE_HAS(host, metric)) host->metric(host->ctx, TIELINE_METRIC_GAUGE, text("echoes"), echo->echoes, text(""));
    report_later(host);
    return TIELINE_OK;
}

static int32_t deliver(void *instance, const tieline_msg *messages, uint32_t n, uint64_t token_base,
                       uint32_t *accepted) {
    struct echo *echo = instance;
    const tieline_host *host = echo->host;
    const uint8_t *at = (const uint8_t *)messages;
    *accepted = 0;
    if (echo->stopped) return TIELINE_CLOSED;
    for (uint32_t i = 0; i < n; i++) {
        const tieline_msg *message = (const tieline_msg *)at;
        int32_t status = TIELINE_OK;
        if (message->kind == TIELINE_DELIVERY || message->kind == TIELINE_OUTCOME)
            status = host->socket_send(host->ctx, message->link, 1, message->payload);
        if (status == TIELINE_WOULD_BLOCK) return status;
        host->complete(host->ctx, token_base + i, status, text(""));
        *accepted = i + 1;
        at += message->size; /* the sender's size, not ours */
    }
    return TIELINE_OK;
}

static int32_t socket_events(void *instance, const tieline_socket_event *events, uint32_t n) {
    struct echo *echo = instance;
    const tieline_host *host = echo->host;
    const uint8_t *at = (const uint8_t *)events;
    if (echo->stopped) return TIELINE_CLOSED;
    for (uint32_t i = 0; i < n; i++) {
        const tieline_socket_event *event = (const tieline_socket_event *)at;
        if (event->what == TIELINE_SOCKET_BINARY)
            host->socket_close(host->ctx, event->socket, 1003, text("only text is echoed"));
        if (event->what == TIELINE_SOCKET_TEXT && host->socket_send(host->ctx, event->socket, 1, event->data) == TIELINE_OK)
            echo->echoes += 1;
        at += event->size;
    }
    return TIELINE_OK;
}

static int32_t resume(void *instance, uint32_t credits) {
    (void)instance, (void)credits;
    return TIELINE_OK;
}

static int32_t command(void *instance, tieline_bytes json, uint64_t token) {
    (void)instance, (void)json, (void)token;
    return TIELINE_INVALID;
}

static int32_t shutdown(void *instance, uint32_t deadline_ms) {
    struct echo *echo = instance;
    (void)deadline_ms;
    echo->stopped = 1;
    return TIELINE_OK;
}

static void destroy(void *instance) { free(instance); }

#define MANIFEST                                                                                            \
    "{\"name\":\"echo-c\",\"version\":\"1.0.0\",\"sdk_version\":\"c-1.1\",\"sockets\":[\"/echo-c\"],"      \
    "\"webhooks\":[],\"capabilities\":[],\"config_schema\":{}}"

const tieline_plugin TIELINE_TRANSPORT = {
    .magic = TIELINE_MAGIC,
    .abi_major = TIELINE_ABI_MAJOR,
    .abi_minor = TIELINE_ABI_MINOR,
    .size = sizeof(tieline_plugin),
    .panic_unwind = 1,
    .manifest = {(const uint8_t *)MANIFEST, sizeof(MANIFEST) - 1},
    .create = create,
    .start = start,
    .deliver = deliver,
    .socket_events = socket_events,
    .resume = resume,
    .command = command,
    .shutdown = shutdown,
    .destroy = destroy,
    .timer = timer,
};
