/* A plugin as it was compiled when the contract was 1.0: its structs end where they ended then. It knows the host's
 * functions by their place, as a compiled plugin does. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    const uint8_t *ptr;
    size_t len;
} bytes;

typedef struct {
    uint32_t size;
    uint16_t kind, flags;
    uint64_t link, corr;
    bytes payload;
} msg;

typedef struct {
    uint32_t size;
    uint16_t abi_minor, pad;
    const void *ctx;
    void *inbound;
    void (*complete)(const void *ctx, uint64_t token, int32_t status, bytes detail);
    void *writable, *log;
    void (*fault)(const void *ctx, bytes reason);
    void *socket_send, *socket_close;
} host_1_0;

struct instance {
    const host_1_0 *host;
    int stopped;
};

static int32_t create(const host_1_0 *host, bytes config, void **out) {
    static const char reason[] = "the configuration has to be a JSON object";
    if (host->size < sizeof *host) return 3;
    if (config.len < 2 || config.ptr[0] != '{' || config.ptr[config.len - 1] != '}') {
        host->fault(host->ctx, (bytes){(const uint8_t *)reason, sizeof reason - 1});
        return 5;
    }
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) return 5;
    instance->host = host;
    *out = instance;
    return 0;
}

static int32_t start(void *instance) { return instance == NULL ? 3 : 0; }

static int32_t deliver(void *raw, const msg *messages, uint32_t n, uint64_t token_base, uint32_t *accepted) {
    struct instance *instance = raw;
    (void)messages;
    *accepted = 0;
    if (instance->stopped) return 2;
    for (uint32_t i = 0; i < n; i++)
        instance->host->complete(instance->host->ctx, token_base + i, 0, (bytes){NULL, 0});
    *accepted = n;
    return 0;
}

static int32_t socket_events(void *instance, const void *events, uint32_t n) {
    (void)instance, (void)events, (void)n;
    return 0;
}

static int32_t resume(void *instance, uint32_t credits) {
    (void)instance, (void)credits;
    return 0;
}

static int32_t command(void *instance, bytes json, uint64_t token) {
    (void)instance, (void)json, (void)token;
    return 3;
}

static int32_t shutdown(void *instance, uint32_t deadline_ms) {
    (void)deadline_ms;
    ((struct instance *)instance)->stopped = 1;
    return 0;
}

static void destroy(void *instance) { free(instance); }

#define MANIFEST                                                                                       \
    "{\"name\":\"version-1-0\",\"version\":\"1.0.0\",\"sdk_version\":\"c-1.0\",\"sockets\":[\"/first\"]," \
    "\"webhooks\":[],\"capabilities\":[],\"config_schema\":{}}"

const struct {
    uint64_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size;
    uint8_t panic_unwind, pad[7];
    bytes manifest;
    int32_t (*create)(const host_1_0 *, bytes, void **);
    int32_t (*start)(void *);
    int32_t (*deliver)(void *, const msg *, uint32_t, uint64_t, uint32_t *);
    int32_t (*socket_events)(void *, const void *, uint32_t);
    int32_t (*resume)(void *, uint32_t);
    int32_t (*command)(void *, bytes, uint64_t);
    int32_t (*shutdown)(void *, uint32_t);
    void (*destroy)(void *);
} TIELINE_TRANSPORT = {
    UINT64_C(0x01454e494c454954), 1, 0, 104, 1, {0}, {(const uint8_t *)MANIFEST, sizeof(MANIFEST) - 1},
    create, start, deliver, socket_events, resume, command, shutdown, destroy,
};
