/* tables.c: reads what the tables know about a packet: the lists, which the calling thread itself
 * writes, and the buckets, connections and SYN proxy of the worker that owns the source. */
#include "explain_private.h"

#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "stages/connections/source_limit.h"
#include "stages/connections/syn/syn_proxy.h"
#include "tables/flows/openings.h"
#include "tables/limits/limits_private.h"
#include "tables/lists/lists.h"

enum { KEY_BITS = 128, MAPPED_BITS = 96, Q16_PER_S_SHIFT = 16 };

#define NS_PER_S 1000000000ull

static void note_entries(struct sb_explaining *work, const struct sb_lists *lists);
static void note_limit(struct sb_explaining *work, const struct sb_limit *limit,
                       const struct sb_limits *limits);
static uint8_t pays(const struct sb_explaining *work, const struct sb_limit *limit);
static uint64_t debt_of(const struct sb_explaining *work, const struct sb_limit *limit,
                        const struct sb_limits *limits, uint64_t cost, bool *is_known);
static bool is_proxied(const struct sb_explaining *work);
static bool is_inspected(const struct sb_explaining *work);

/* --- lists ------------------------------------------------------------------------------------ */

void sb_explain_lists(struct sb_explaining *work) {
    const struct sb_lists *lists = (const struct sb_lists *)(uintptr_t)work->node->lists;
    const struct sb_packet *packet = &work->burst->packets[0];
    struct sb_lists_match match;

    if (lists == NULL || packet->ip_version == 0)
        return;
    const struct sb_address_key key = sb_address_read(sb_client_bytes(packet), packet->ip_version);

    note_entries(work, lists);
    if (sb_lists_match(lists, work->owner->index, &key, 1, work->now->boot_ds, &match) != 0)
        sb_lists_apply(work->scratch, work->burst, 0, (enum sb_list)match.list, work->now);
}

/* Notes every prefix entry that contains the source, the longest first. */
static void note_entries(struct sb_explaining *work, const struct sb_lists *lists) {
    uint32_t shortest = work->burst->packets[0].ip_version == 4 ? MAPPED_BITS : 0;
    struct sb_packet_explained *out = work->out;
    struct sb_list_record record = {0};

    memcpy(record.key, work->asked->source, sizeof(record.key));
    for (uint32_t length = KEY_BITS + 1; length-- > shortest;) {
        if (length < KEY_BITS)
            record.key[length / 8] &= (uint8_t)(0xff00 >> length % 8);
        record.prefix_length = (uint8_t)length;
        for (uint32_t list = 0; list < SB_LIST_COUNT; list++) {
            struct sb_list_entry entry;

            record.list = (uint8_t)list;
            sb_lists_get(lists, &record, &entry);
            if (entry.found == 0 ||
                (entry.deadline_ds != SB_DEADLINE_NEVER && entry.deadline_ds <= work->now->boot_ds))
                continue;
            if (out->entries_found < SB_EXPLAINED_ENTRIES_MAX)
                out->entry[out->entries_found] =
                    (struct sb_explained_entry){.hits = entry.hits,
                                                .deadline_ds = entry.deadline_ds,
                                                .prefix_length = (uint8_t)length,
                                                .list = (uint8_t)list};
            out->entries_found++;
        }
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

void sb_explain_limits(struct sb_explaining *work) {
    const struct sb_limits *limits = (const struct sb_limits *)(uintptr_t)work->owner->limits;
    const struct sb_profile *profile = sb_profile_of(work->scratch, &work->burst->packets[0]);

    if (limits == NULL)
        return;
    for (uint32_t i = 0; i < profile->limit_count; i++)
        note_limit(work, &profile->limit[i], limits);
}

static void note_limit(struct sb_explaining *work, const struct sb_limit *limit,
                       const struct sb_limits *limits) {
    struct sb_packet *packet = &work->burst->packets[0];
    const bool is_ipv4 = packet->ip_version == 4;
    const uint64_t units = limit->unit == SB_UNIT_BITS ? (uint64_t)packet->length * 8 : 1;
    const uint64_t increment = limit->increment_q16 == 0 ? 1 : limit->increment_q16;
    struct sb_packet_explained *out = work->out;
    uint64_t cost, debt;
    bool is_known;

    if (__builtin_mul_overflow(increment, units, &cost))
        cost = UINT64_MAX;
    debt = debt_of(work, limit, limits, cost, &is_known);
    struct sb_explained_limit *known = &out->limit[out->limit_count++];

    *known = (struct sb_explained_limit){
        .rate = (NS_PER_S << Q16_PER_S_SHIFT) / increment,
        .size = limit->burst_q16 / increment,
        .room = (limit->burst_q16 - debt) / increment,
        .scope = limit->scope,
        .unit = limit->unit,
        .reason = limit->reason,
        .mode = sb_profile_of(work->scratch, packet)->mode[limit->reason],
        .icmp_only = limit->icmp_only,
        .prefix_length = is_ipv4 ? limit->bits_ipv4 : limit->bits_ipv6,
        .pays = pays(work, limit),
        .is_known = is_known};
    if (known->pays == 1 && cost > limit->burst_q16 - debt && packet->verdict == SB_VERDICT_PASS)
        sb_reject(work->scratch, packet, (enum sb_reason)limit->reason, work->now);
}

/* As in limits.c. 0: not charged; 1: charged; 2: the connections stage charges it when the
 * connection begins. Limits of new connections that the connections stage charges are reported
 * here, also if the proxy is off. */
static uint8_t pays(const struct sb_explaining *work, const struct sb_limit *limit) {
    const struct sb_packet *packet = &work->burst->packets[0];
    const struct sb_profile *profile = sb_profile_of(work->scratch, packet);
    const bool is_judged = (work->burst->to_judge & 1) != 0;
    const bool is_icmp =
        packet->protocol == SB_PROTOCOL_ICMP || packet->protocol == SB_PROTOCOL_ICMPV6;

    if (!is_judged || profile->mode[limit->reason] == SB_MODE_OFF || (limit->icmp_only && !is_icmp))
        return 0;
    if (limit->unit != SB_UNIT_CONNECTIONS)
        return 1;
    if (!sb_packet_is_opening(packet))
        return 0;
    return is_proxied(work) ? 2 : 1;
}

/* The debt of the bucket; at most the burst. */
static uint64_t debt_of(const struct sb_explaining *work, const struct sb_limit *limit,
                        const struct sb_limits *limits, uint64_t cost, bool *is_known) {
    const struct sb_packet *packet = &work->burst->packets[0];
    const uint64_t now_q16 = sb_limits_now(work->node, work->now);

    *is_known = limit->scope == SB_SCOPE_GLOBAL;
    if (*is_known)
        return sb_bucket_debt(*sb_limits_whole(limits, packet->profile, limit), now_q16,
                              limit->burst_q16);
    if (limit->scope == SB_SCOPE_DESTINATION && !work->has_destination)
        return 0;
    const struct sb_limit_masks masks = sb_limit_masks(limit);
    const struct sb_buckets *table = &limits->table[limit->scope];
    uint64_t hash = sb_limit_hash(limits, limit, &masks, packet);

    return sb_buckets_peek(table, sb_buckets_home(table, hash), sb_bucket_tag(hash), cost,
                           limit->burst_q16, now_q16, is_known);
}

/* --- connections ------------------------------------------------------------------------------ */

void sb_explain_connections(struct sb_explaining *work) {
    const struct sb_flows *flows = (const struct sb_flows *)(uintptr_t)work->owner->flows;
    struct sb_packet *packet = &work->burst->packets[0];
    const struct sb_profile *profile = sb_profile_of(work->scratch, packet);
    struct sb_packet_explained *out = work->out;

    out->syn_proxy = (uint8_t)profile->syn_proxy;
    out->connections_max = profile->connections_max;
    out->flags |= is_inspected(work) ? SB_EXPLAINED_HTTP : 0;
    if (flows == NULL)
        return;
    out->flags |= SB_EXPLAINED_CONNECTIONS;
    out->connections = sb_flow_source_count(flows, sb_source_of(flows, packet));
    if (!sb_packet_is_opening(packet))
        return;
    if (out->connections_max != 0 && out->connections >= out->connections_max &&
        (packet->flags & SB_PACKET_NEIGHBOR) == 0 &&
        sb_reject(work->scratch, packet, SB_REASON_CONNECTIONS_SOURCE, work->now))
        return;
    if (!is_proxied(work))
        return;
    out->flags |= SB_EXPLAINED_SYN_PROXY_ON;
    packet->verdict = SB_VERDICT_CONSUMED;
}

static bool is_on(const struct sb_destination *destination, uint32_t boot_ds) {
    return destination != NULL && (int32_t)(destination->on_until_ds - boot_ds) > 0;
}

/* As sb_proxy_is_on, but without counting the packet. */
static bool is_proxied(const struct sb_explaining *work) {
    const struct sb_syn_proxy_table *table =
        (const struct sb_syn_proxy_table *)(uintptr_t)work->owner->syn_proxy;
    const struct sb_packet *packet = &work->burst->packets[0];
    const struct sb_profile *profile = sb_profile_of(work->scratch, packet);

    if (table == NULL || work->owner->outbox == 0 || work->node->cookie_slot == 0 ||
        (packet->flags & SB_PACKET_NEIGHBOR) != 0 || !sb_proxy_may_answer(packet))
        return false;
    if (profile->syn_proxy != SB_SYN_PROXY_AUTO)
        return profile->syn_proxy == SB_SYN_PROXY_ALWAYS;
    return is_on(&table->profiles[packet->profile], work->now->boot_ds) ||
           (work->has_destination &&
            is_on(sb_destination_find(table, sb_protected_words(packet)), work->now->boot_ds));
}

static bool is_inspected(const struct sb_explaining *work) {
    const struct sb_packet *packet = &work->burst->packets[0];
    const struct sb_profile *profile = sb_profile_of(work->scratch, packet);

    if (work->owner->http == 0 || packet->protocol != SB_PROTOCOL_TCP ||
        (profile->uses & SB_USE_HTTP) == 0)
        return false;
    for (uint32_t i = 0; i < profile->http.port_count; i++)
        if (profile->http.port[i] == work->asked->port)
            return true;
    return false;
}
