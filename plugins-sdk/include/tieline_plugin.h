/* The binary contract between the Tieline host and a transport plugin, version 1.1.
 * The same as src/abi.rs, which has the rules; a test compares the two. */
#ifndef TIELINE_PLUGIN_H
#define TIELINE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The bytes "TIELINE\x01", read as a little-endian number. */
#define TIELINE_MAGIC UINT64_C(0x01454e494c454954)
#define TIELINE_ABI_MAJOR 1
#define TIELINE_ABI_MINOR 1

/* The sizes in version 1.0: what is beyond may be absent. */
#define TIELINE_PLUGIN_SIZE_1_0 104
#define TIELINE_HOST_SIZE_1_0 72

/* Statuses. */
enum {
    TIELINE_OK = 0,
    TIELINE_WOULD_BLOCK = 1,
    TIELINE_CLOSED = 2,
    TIELINE_INVALID = 3,
    TIELINE_PANIC = 4,
    TIELINE_FAILED = 5,
    TIELINE_NOT_FOUND = 6, /* since 1.1 */
    TIELINE_TOO_LARGE = 7  /* since 1.1 */
};

/* What a message is. Ignore (and complete with OK) what you do not know. */
enum {
    TIELINE_COMMAND = 1,  /* to the host */
    TIELINE_OUTCOME = 2,  /* to the plugin */
    TIELINE_DELIVERY = 3, /* to the plugin */
    TIELINE_RECEIPT = 4,  /* to the host */
    TIELINE_SKIP = 5,     /* to the plugin */
    TIELINE_LINK_UP = 6,  /* to the host; bit 63 of the link's number is set */
    TIELINE_LINK_DOWN = 7,
    TIELINE_CREDIT = 8,   /* to the host */
    TIELINE_PROGRESS = 9  /* to the plugin */
};

/* What happened on a socket. */
enum {
    TIELINE_SOCKET_OPEN = 1,   /* data: {"path":"/x","principal":{...}} */
    TIELINE_SOCKET_TEXT = 2,   /* data: UTF-8 */
    TIELINE_SOCKET_BINARY = 3, /* data: bytes */
    TIELINE_SOCKET_CLOSED = 4  /* data: {"code":1000}; the code may be absent */
};

/* Metrics (since 1.1). */
enum {
    TIELINE_METRIC_COUNTER = 1, /* the value is added to it */
    TIELINE_METRIC_GAUGE = 2    /* it is set to the value */
};

/* For after_ms of `timer`: the timer is cancelled (since 1.1). */
#define TIELINE_TIMER_CANCEL UINT64_MAX

/* Borrowed for the duration of the call; never freed by the callee. ptr may be NULL when len is 0. */
typedef struct {
    const uint8_t *ptr;
    size_t len;
} tieline_bytes;

/* The most elements of an array. */
#define TIELINE_MOST_AT_ONCE 65536

/* size is the sender's sizeof; it is also the stride of an array. */
typedef struct {
    uint32_t size;
    uint16_t kind;
    uint16_t flags;
    uint64_t link;
    uint64_t corr;
    tieline_bytes payload; /* JSON */
} tieline_msg;

typedef struct {
    uint32_t size;
    uint16_t what;
    uint16_t pad;
    uint64_t socket;
    tieline_bytes data;
} tieline_socket_event;

/* A request on one of the plugin's webhook paths, authenticated by the host (since 1.1). */
typedef struct {
    uint32_t size;
    uint32_t pad;
    uint64_t id; /* for `webhook_reply` */
    tieline_bytes method;
    tieline_bytes path;
    tieline_bytes query;     /* without the `?` */
    tieline_bytes headers;   /* JSON array of [name, value]; lower-case names, without authorization and cookie */
    tieline_bytes principal; /* JSON */
    tieline_bytes body;
} tieline_webhook_request;

/* What the host offers to one instance. Lives until the process ends. Every function may be called from any thread of
 * the plugin and never calls back. None blocks, except kv_... and secret, which may wait for the disk: call those from a
 * thread of your own, or while you start. What returns intptr_t returns a length, or minus a status; a value that does
 * not fit into cap is not copied. */
typedef struct {
    uint32_t size;
    uint16_t abi_minor;
    uint16_t pad;
    const void *ctx; /* goes into every call as it is; not an address */
    /* OK, or WOULD_BLOCK with the count taken: the rest after `resume`. */
    int32_t (*inbound)(const void *ctx, const tieline_msg *messages, uint32_t n, uint32_t *taken);
    /* Exactly once per accepted message. */
    void (*complete)(const void *ctx, uint64_t token, int32_t status, tieline_bytes detail);
    /* `deliver` has room again. */
    void (*writable)(const void *ctx);
    /* level: 1 error, 2 warn, 3 info, 4 debug, 5 trace; json: an object of fields. */
    void (*log)(const void *ctx, uint8_t level, tieline_bytes target, tieline_bytes json);
    /* Within a call: the reason of the failure about to be returned. Outside: the instance is broken, restart it. */
    void (*fault)(const void *ctx, tieline_bytes reason);
    int32_t (*socket_send)(const void *ctx, uint64_t socket, uint8_t is_text, tieline_bytes data);
    int32_t (*socket_close)(const void *ctx, uint64_t socket, uint16_t code, tieline_bytes reason);
    /* Since 1.1: absent when size ends before them. */
    /* The plugin's own key-value space. NOT_FOUND without a value. */
    intptr_t (*kv_get)(const void *ctx, tieline_bytes key, uint8_t *buf, size_t cap);
    /* Durable when it returns OK. */
    int32_t (*kv_put)(const void *ctx, tieline_bytes key, tieline_bytes value);
    int32_t (*kv_delete)(const void *ctx, tieline_bytes key);
    /* The keys with this prefix, sorted, as a JSON array. */
    intptr_t (*kv_keys)(const void *ctx, tieline_bytes prefix, uint8_t *buf, size_t cap);
    /* A secret that the operator has laid down for this plugin. NOT_FOUND without one. */
    intptr_t (*secret)(const void *ctx, tieline_bytes name, uint8_t *buf, size_t cap);
    /* Calls the plugin's `timer` once; the same id again replaces it. */
    int32_t (*timer)(const void *ctx, uint64_t id, uint64_t after_ms);
    /* labels: a JSON object of strings. */
    int32_t (*metric)(const void *ctx, uint8_t kind, tieline_bytes name, double value, tieline_bytes labels);
    /* Who is behind a link of this instance, as JSON. NOT_FOUND without such a link. */
    intptr_t (*principal)(const void *ctx, uint64_t link, uint8_t *buf, size_t cap);
    /* NOT_FOUND when nobody waits any more; INVALID for a status outside 200 to 599. */
    int32_t (*webhook_reply)(const void *ctx, uint64_t request, uint16_t status, tieline_bytes content_type,
                             tieline_bytes body);
} tieline_host;

/* Whether a host has a function that 1.0 did not have: TIELINE_HAS(host, kv_get). */
#define TIELINE_HAS(host, function)                                                              \
    ((host)->size >= offsetof(tieline_host, function) + sizeof((host)->function) && (host)->function != NULL)

/* The one symbol of a plugin: const tieline_plugin TIELINE_TRANSPORT. Every function pointer of 1.0 has to be set. */
typedef struct {
    uint64_t magic;
    uint16_t abi_major;
    uint16_t abi_minor;
    uint32_t size;
    uint8_t panic_unwind; /* 1: nothing in here ends the process by itself */
    uint8_t pad[7];
    tieline_bytes manifest; /* JSON: name, version, sdk_version, sockets, webhooks, capabilities, config_schema */
    int32_t (*create)(const tieline_host *host, tieline_bytes config, void **out);
    int32_t (*start)(void *instance);
    /* Message i has the token token_base + i. OK with *accepted = n, or WOULD_BLOCK with the count taken. */
    int32_t (*deliver)(void *instance, const tieline_msg *messages, uint32_t n, uint64_t token_base,
                       uint32_t *accepted);
    int32_t (*socket_events)(void *instance, const tieline_socket_event *events, uint32_t n);
    int32_t (*resume)(void *instance, uint32_t credits);
    int32_t (*command)(void *instance, tieline_bytes json, uint64_t token);
    int32_t (*shutdown)(void *instance, uint32_t deadline_ms);
    void (*destroy)(void *instance);
    /* Since 1.1; may be NULL. */
    int32_t (*timer)(void *instance, uint64_t id);
    /* To be answered with `webhook_reply`, from any thread; any status but OK says that it was not taken. */
    int32_t (*webhook)(void *instance, const tieline_webhook_request *request);
} tieline_plugin;

extern const tieline_plugin TIELINE_TRANSPORT;

#ifdef __cplusplus
}
#endif

#endif
