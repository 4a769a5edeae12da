/* A plugin that does nothing, and does that as the macros say. */
#include <stdlib.h>
#include <tieline_plugin.h>

#ifndef SYMBOL
#define SYMBOL TIELINE_TRANSPORT
#endif
#ifndef MAGIC
#define MAGIC TIELINE_MAGIC
#endif
#ifndef MAJOR
#define MAJOR TIELINE_ABI_MAJOR
#endif
#ifndef MINOR
#define MINOR TIELINE_ABI_MINOR
#endif
#ifndef SIZE
#define SIZE sizeof(tieline_plugin)
#endif
#ifndef UNWIND
#define UNWIND 1
#endif
#ifndef MANIFEST
#define MANIFEST "{\"name\":\"c\",\"version\":\"1.0.0\",\"sockets\":[\"/c\"]}"
#endif
#ifndef START
#define START start
#endif
#ifndef CREATE
#define CREATE create
#endif
#ifndef ACCEPTED
#define ACCEPTED n
#endif
#ifndef STATUS
#define STATUS TIELINE_OK
#endif

static const tieline_host *host;

__attribute__((unused)) static int32_t create(const tieline_host *h, tieline_bytes config, void **out) {
    (void)config;
    host = h;
    *out = malloc(1);
    return TIELINE_OK;
}
static int32_t start(void *i) {
    (void)i;
    return TIELINE_OK;
}
static int32_t deliver(void *i, const tieline_msg *m, uint32_t n, uint64_t base, uint32_t *accepted) {
    (void)i, (void)m;
    tieline_bytes none = {0, 0};
    /* More answers than there are questions, and each twice. */
    for (uint32_t k = 0; k < n + 3; k++) {
        host->complete(host->ctx, base + k, TIELINE_OK, none);
        host->complete(host->ctx, base + k, TIELINE_FAILED, none);
    }
    *accepted = ACCEPTED;
    return STATUS;
}
static int32_t socket_events(void *i, const tieline_socket_event *e, uint32_t n) {
    (void)i, (void)e, (void)n;
    tieline_msg garbage = {.size = 3, .kind = TIELINE_COMMAND};
    tieline_msg null_payload = {.size = sizeof(tieline_msg), .kind = TIELINE_COMMAND, .payload = {0, 9}};
    tieline_msg unknown = {.size = sizeof(tieline_msg), .kind = 999, .payload = {0, 0}};
    uint32_t taken = 77;
    tieline_bytes null = {0, 9}, key = {(const uint8_t *)"k", 1}, none = {0, 0};
    uint8_t small[1] = {'?'};
    double nan = 0.0;
    nan /= nan;
    int ok_1_1 = host->kv_get(host->ctx, null, small, 1) == -TIELINE_INVALID &&
                 host->kv_get(host->ctx, none, small, 1) == -TIELINE_INVALID &&
                 host->kv_get(host->ctx, key, small, 1) == -TIELINE_NOT_FOUND &&
                 host->kv_put(host->ctx, key, null) == TIELINE_INVALID &&
                 host->kv_put(host->ctx, key, (tieline_bytes){(const uint8_t *)"long", 4}) == TIELINE_OK &&
                 host->kv_get(host->ctx, key, small, 1) == 4 && small[0] == '?' &&
                 host->kv_get(host->ctx, key, 0, 99) == 4 &&
                 host->kv_keys(host->ctx, null, small, 1) == -TIELINE_INVALID &&
                 host->secret(host->ctx, (tieline_bytes){(const uint8_t *)"../k", 4}, small, 1) == -TIELINE_INVALID &&
                 host->timer(host->ctx, 1, TIELINE_TIMER_CANCEL) == TIELINE_OK &&
                 host->metric(host->ctx, 9, key, 1, none) == TIELINE_INVALID &&
                 host->metric(host->ctx, TIELINE_METRIC_GAUGE, key, nan, none) == TIELINE_INVALID &&
                 host->metric(host->ctx, TIELINE_METRIC_GAUGE, key, 1, key) == TIELINE_INVALID &&
                 host->principal(host->ctx, 424242, small, 1) == -TIELINE_NOT_FOUND &&
                 host->webhook_reply(host->ctx, 424242, 200, none, none) == TIELINE_NOT_FOUND &&
                 host->webhook_reply(host->ctx, 424242, 200, null, none) == TIELINE_INVALID &&
                 host->kv_get((const void *)~(uintptr_t)0, key, small, 1) == -TIELINE_CLOSED &&
                 host->timer((const void *)~(uintptr_t)0, 1, 1) == TIELINE_CLOSED;
    int ok = ok_1_1 && host->inbound(host->ctx, &garbage, 1, &taken) == TIELINE_INVALID &&
             host->inbound(host->ctx, 0, 5, &taken) == TIELINE_INVALID &&
             host->inbound(host->ctx, &null_payload, 1, &taken) == TIELINE_INVALID &&
             host->inbound(host->ctx, &unknown, 1, 0) == TIELINE_INVALID &&
             host->inbound(host->ctx, &unknown, 1, &taken) == TIELINE_OK && taken == 1 &&
             host->socket_send(host->ctx, 999999, 1, unknown.payload) == TIELINE_CLOSED &&
             host->inbound((const void *)~(uintptr_t)0, &unknown, 1, &taken) == TIELINE_CLOSED;
    tieline_bytes verdict = {(const uint8_t *)(ok ? "{\"ok\":true}" : "{\"ok\":false}"), ok ? 11 : 12};
    tieline_msg message = {.size = sizeof(tieline_msg), .kind = TIELINE_COMMAND, .link = 1, .payload = verdict};
    return host->inbound(host->ctx, &message, 1, &taken);
}
static int32_t resume(void *i, uint32_t credits) {
    (void)i, (void)credits;
    return TIELINE_OK;
}
static int32_t command(void *i, tieline_bytes json, uint64_t token) {
    (void)i, (void)json, (void)token;
    return TIELINE_INVALID;
}
static int32_t shutdown(void *i, uint32_t ms) {
    (void)i, (void)ms;
    return TIELINE_OK;
}
static void destroy(void *i) { free(i); }

const tieline_plugin SYMBOL = {
    .magic = MAGIC,
    .abi_major = MAJOR,
    .abi_minor = MINOR,
    .size = SIZE,
    .panic_unwind = UNWIND,
    .manifest = {(const uint8_t *)MANIFEST, sizeof(MANIFEST) - 1},
    .create = CREATE,
    .start = START,
    .deliver = deliver,
    .socket_events = socket_events,
    .resume = resume,
    .command = command,
    .shutdown = shutdown,
    .destroy = destroy,
};
