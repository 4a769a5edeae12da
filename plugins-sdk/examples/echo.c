/* The echo transport in C: cc -shared -fPIC -I include -o libecho.so examples/echo.c */

#include <stdlib.h>
#include <string.h>
#include <tieline_plugin.h>

struct echo {
    const tieline_host *host;
    int stopped;
};

static tieline_bytes text(const char *s) {
    tieline_bytes bytes = {(const uint8_t *)s, strlen(s)};
    return bytes;
}

static int32_t create(const tieline_host *host, tieline_bytes config, void **out) {
    if (host->size < sizeof(tieline_host)) return TIELINE_INVALID;
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

static int32_t start(void *instance) {
    struct echo *echo = instance;
    echo->host->log(echo->host->ctx, 3, text("echo_c"), text("{\"message\":\"echo has started\"}"));
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
        if (event->what == TIELINE_SOCKET_TEXT) host->socket_send(host->ctx, event->socket, 1, event->data);
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
    "{\"name\":\"echo-c\",\"version\":\"1.0.0\",\"sdk_version\":\"c-1.0\",\"sockets\":[\"/echo-c\"],"      \
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
};
