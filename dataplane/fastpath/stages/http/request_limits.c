/* request_limits.c: a request pays into each limit of its profile that applies to it, in their
 * order. The first limit without room gives the reason, and the request pays nothing there. The
 * buckets are those of the limits stage. */
#include "request_limits.h"

#include "forms/forms.h"
#include "tables/limits/limits_private.h"

#define SECOND_Q16 (1000000000ull << SB_BUCKET_FRACTION_BITS)

/* The request's path as most servers read it; made when the first limit needs it. */
struct path {
    uint8_t bytes[SB_HTTP_LINE_MAX];
    uint32_t size;
    bool is_known;
};

static bool is_for(const struct sb_request_limit *limit, struct path *path,
                   const struct sb_http_work *work, const struct sb_http_message *message);
static bool pay(const struct sb_http_work *work, const struct sb_request_limit *limit,
                uint64_t now_q16);

bool sb_http_limit(const struct sb_http_work *work, struct sb_http_buffer *buffer) {
    const struct sb_profile *profile = sb_profile_of(work->lcore, work->packet);
    struct path path;
    uint64_t now_q16;

    if (SB_LIKELY(profile->http.request_limit_count == 0) || work->lcore->limits == 0 ||
        !sb_http_is_judged(work))
        return false;
    path.is_known = false;
    now_q16 = sb_limits_now((const struct sb_node *)(uintptr_t)work->lcore->node, work->now);
    for (uint32_t i = 0; i < profile->http.request_limit_count; i++) {
        const struct sb_request_limit *one = &profile->http.request_limit[i];

        if (profile->mode[one->limit.reason] == SB_MODE_OFF ||
            !is_for(one, &path, work, &buffer->message) || pay(work, one, now_q16) ||
            !sb_http_reject(work, (enum sb_reason)one->limit.reason))
            continue;
        buffer->retry_after_s = (uint8_t)(1 + (one->limit.increment_q16 - 1) / SECOND_Q16);
        (void)sb_http_next_incident(work->http);
        return true;
    }
    return false;
}

/* Whether the path begins with the limit's path. */
static bool is_for(const struct sb_request_limit *limit, struct path *path,
                   const struct sb_http_work *work, const struct sb_http_message *message) {
    if (limit->path_size == 0)
        return true;
    if (!path->is_known) {
        const uint8_t *bytes = sb_http_message_bytes(work) + message->path.offset;
        const uint32_t size =
            message->path.size < SB_HTTP_LINE_MAX ? message->path.size : SB_HTTP_LINE_MAX;

        path->size = sb_http_canonical_path(bytes, size, path->bytes);
        path->is_known = true;
    }
    return path->size >= limit->path_size &&
           memcmp(path->bytes, limit->path, limit->path_size) == 0;
}

/* Whether the bucket had room. A limit of all requests for a path has its bucket in the table of
 * destinations, because the number of such limits is not bounded. */
static bool pay(const struct sb_http_work *work, const struct sb_request_limit *limit,
                uint64_t now_q16) {
    const struct sb_limits *limits = (const struct sb_limits *)(uintptr_t)work->lcore->limits;
    const struct sb_limit *rate = &limit->limit;
    const struct sb_buckets *table;
    uint64_t hash;

    if (rate->scope == SB_SCOPE_GLOBAL && limit->path_size == 0)
        return sb_bucket_pay(sb_limits_whole(limits, work->packet->profile, rate),
                             rate->increment_q16, rate->burst_q16, now_q16);
    if (rate->scope == SB_SCOPE_GLOBAL) {
        hash = sb_hash_address(&limits->hash_key, rate->salt, 0);
        table = &limits->table[SB_SCOPE_DESTINATION];
    } else {
        const struct sb_limit_masks masks = sb_limit_masks(rate);

        hash = sb_limit_hash(limits, rate, &masks, work->packet);
        table = &limits->table[rate->scope];
    }
    return sb_buckets_pay(table, sb_buckets_home(table, hash), sb_bucket_tag(hash),
                          rate->increment_q16, rate->burst_q16, now_q16);
}
