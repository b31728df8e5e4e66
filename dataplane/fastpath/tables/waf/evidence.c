/* evidence.c: writes the newest matches of each lcore to the statistics pages. */
#define _GNU_SOURCE
#include <string.h>

#include "ring.h"
#include "waf_private.h"

#define EVENT_DS 10 /* at most one event per rule and lcore in this time */

_Static_assert((SB_EVIDENCE_MAX & (SB_EVIDENCE_MAX - 1)) == 0, "a power of two");
_Static_assert(sizeof(struct sb_evidence) == 512, "eight lines");
_Static_assert(sizeof(struct sb_rule_triggered) == sizeof(((struct sb_ring_element *)0)->payload),
               "fills an element");

static void tell(struct sb_lcore *lcore, const struct sb_evidence *evidence, uint8_t group);

void sb_evidence_add(struct sb_lcore *lcore, struct sb_evidence *evidence, uint32_t slot,
                     enum sb_waf_result result, const struct sb_time *now) {
    const union sb_slot_state state = sb_slot_state_of(sb_waf_of(lcore), slot % SB_RULES_MAX);
    struct sb_lcore_stats *stats = (struct sb_lcore_stats *)(uintptr_t)lcore->stats;
    struct sb_evidence *place = &stats->evidence[stats->evidence_count % SB_EVIDENCE_MAX];
    uint32_t *told_ds = &sb_waf_of(lcore)->lcore[lcore->index].event_ds[slot % SB_RULES_MAX];

    evidence->sequence = 0;
    evidence->boot_ds = now->boot_ds;
    evidence->severity = state.severity;
    __atomic_store_n(&place->sequence, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *place = *evidence;
    evidence->sequence = ++stats->evidence_count;
    __atomic_store_n(&place->sequence, evidence->sequence, __ATOMIC_RELEASE);
    stats->rule_group[state.group][result]++;
    if (*told_ds == 0 || now->boot_ds - *told_ds >= EVENT_DS) {
        *told_ds = now->boot_ds;
        tell(lcore, evidence, state.group);
    }
}

static void tell(struct sb_lcore *lcore, const struct sb_evidence *evidence, uint8_t group) {
    struct sb_lcore_stats *stats = (struct sb_lcore_stats *)(uintptr_t)lcore->stats;
    uint64_t consumer = __atomic_load_n(&lcore->events_consumer, __ATOMIC_ACQUIRE);
    struct sb_ring_element element = {.kind = SB_MESSAGE_RULE_TRIGGERED};
    struct sb_rule_triggered event = {.rule = evidence->rule,
                                      .sequence = evidence->sequence,
                                      .incident = evidence->incident,
                                      .profile = evidence->profile,
                                      .lcore = (uint16_t)lcore->index,
                                      .action = evidence->action,
                                      .mode = evidence->mode,
                                      .severity = evidence->severity,
                                      .group = group};

    if (lcore->events == 0 || consumer == 0)
        return;
    memcpy(event.client, evidence->client, sizeof(event.client));
    memcpy(element.payload, &event, sizeof(event));
    if (sb_ring_push((struct sb_ring_producer *)(uintptr_t)lcore->events,
                     (const struct sb_ring_consumer *)(uintptr_t)consumer, &element) != 0)
        stats->events_lost++;
}
