#include "http_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tables/memory/memory.h"

/* Records that end in a run are not reused before the next run. At most this many can end in one
 * run. */
enum { ENDING_MAX = 1024 };

static size_t records_bytes(const struct sb_http *http) {
    return (size_t)http->record_count * sizeof(struct sb_http_record);
}

int sb_http_create(struct sb_flows *flows, uint64_t pool_bytes, const uint8_t hash_key[16],
                   struct sb_http_stats *stats, struct sb_http **out) {
    struct sb_http *http;
    int error;

    if (pool_bytes / SB_HTTP_POOL_STEP == 0 || pool_bytes % SB_HTTP_POOL_STEP != 0)
        return -EINVAL;
    http = calloc(1, sizeof(*http));
    if (http == NULL)
        return -ENOMEM;
    http->flows = flows;
    http->stats = stats;
    http->record_count = flows->set_count * SB_FLOW_WAYS + ENDING_MAX + 1;
    http->fresh = 1;
    memcpy(&http->hash_key, hash_key, sizeof(http->hash_key));
    http->hash_key.word[0] |= 1;
    http->hash_key.word[1] |= 1;
    http->records = sb_memory_map_small(records_bytes(http));
    http->scratch = sb_memory_map_small(SB_HTTP_SCRATCH);
    error = sb_pool_init(&http->pool, pool_bytes);
    if (http->records == NULL || http->scratch == NULL || error != 0) {
        sb_http_destroy(http);
        return error == -EINVAL ? error : -ENOMEM;
    }
    stats->pool_bytes = pool_bytes;
    flows->http = http;
    *out = http;
    return 0;
}

void sb_http_destroy(struct sb_http *http) {
    if (http == NULL)
        return;
    if (http->flows->http == http)
        http->flows->http = NULL;
    sb_pool_close(&http->pool);
    sb_memory_unmap(http->records, records_bytes(http));
    sb_memory_unmap(http->scratch, SB_HTTP_SCRATCH);
    free(http);
}

uint64_t sb_http_bytes(const struct sb_http *http) {
    return records_bytes(http) + SB_HTTP_SCRATCH +
           (uint64_t)http->pool.unit_count * (SB_POOL_UNIT + 1);
}

struct sb_http_record *sb_http_begin(struct sb_http *http, struct sb_flow *flow, uint32_t client,
                                     uint32_t host, uint64_t source) {
    uint32_t index = http->free;

    if (index != 0)
        http->free = http->records[index].next;
    else
        index = http->fresh++;
    http->records[index] = (struct sb_http_record){.flow = flow,
                                                   .next = client,
                                                   .acked = client,
                                                   .client_end = client,
                                                   .host_next = host,
                                                   .host_end = host,
                                                   .host_acked = host,
                                                   .source = (uint16_t)(source % SB_POOL_SHARES),
                                                   .state = SB_HTTP_STATE_INSPECTED,
                                                   .flags = SB_HTTP_NOTHING_HELD};
    flow->http = index;
    flow->flags |= SB_FLOW_INSPECTED;
    http->stats->connections++;
    return &http->records[index];
}

void sb_http_end(struct sb_http *http, struct sb_flow *flow) {
    struct sb_http_record *record = &http->records[flow->http];

    sb_http_give(http, record, &record->buffer);
    sb_http_give(http, record, &record->response);
    record->flow = NULL;
    record->state = SB_HTTP_STATE_FREE;
    record->next = http->ending;
    http->ending = flow->http;
    flow->http = 0;
    flow->flags &= (uint16_t)~SB_FLOW_INSPECTED;
    http->stats->connections--;
}

void sb_http_reclaim(struct sb_http *http) {
    while (http->ending != 0) {
        struct sb_http_record *record = &http->records[http->ending];
        uint32_t next = record->next;

        record->next = http->free;
        http->free = http->ending;
        http->ending = next;
    }
}

sb_block sb_http_take(struct sb_http *http, const struct sb_http_record *record, uint32_t bytes) {
    sb_block block = sb_pool_take(&http->pool, bytes, record->source);

    http->stats->pool_used = (uint64_t)http->pool.used * SB_POOL_UNIT;
    return block;
}

void sb_http_give(struct sb_http *http, const struct sb_http_record *record, sb_block *block) {
    if (*block == 0)
        return;
    sb_pool_give(&http->pool, *block, record->source);
    http->stats->pool_used = (uint64_t)http->pool.used * SB_POOL_UNIT;
    *block = 0;
}
