/* explain.c: see include/explain.h. Runs the stages in the order of pipeline.c. */
#include "explain_private.h"

#include <errno.h>

#include "packet/address.h"
#include "packet/verdict.h"
#include "stages.h"
#include "tables/countries/countries.h"

typedef void stage_function(struct sb_lcore *lcore, struct sb_burst *burst,
                            const struct sb_time *now);
typedef void step_function(struct sb_explaining *work);

static bool is_valid(const struct sb_explain_packet *asked);
static void find_headers(struct sb_explaining *work);
static void describe(struct sb_explaining *work);
static void run(struct sb_explaining *work);
static bool enter(struct sb_explaining *work, enum sb_stage stage);
static void run_stage(struct sb_explaining *work, enum sb_stage stage, stage_function *function);
static void run_step(struct sb_explaining *work, enum sb_stage stage, step_function *step);
static void note_findings(struct sb_explaining *work, enum sb_stage stage);

uint64_t sb_explain_tsc(void) {
    return __builtin_ia32_rdtsc();
}

int sb_explain_packet(struct sb_lcore *scratch, const uint64_t *lcores,
                      const struct sb_explain_packet *asked, const struct sb_time *now,
                      struct sb_packet_explained *out) {
    const struct sb_node *node = (const struct sb_node *)(uintptr_t)scratch->node;
    uint32_t owner = sb_client_lcore(node, asked->source);
    uint8_t frame[SB_EXPLAIN_FRAME_BYTES];
    struct sb_burst burst;

    if (!is_valid(asked))
        return -EINVAL;
    if (node->policy == 0)
        return -EAGAIN;
    struct sb_explaining work = {.scratch = scratch,
                                 .owner = (const struct sb_lcore *)(uintptr_t)lcores[owner],
                                 .node = node,
                                 .asked = asked,
                                 .now = now,
                                 .burst = &burst,
                                 .out = out,
                                 .has_destination = asked->profile == SB_EXPLAIN_BY_DESTINATION};

    *out = (struct sb_packet_explained){.lcore = (uint16_t)owner};
    memset(scratch->link_full_at, 0, sizeof(scratch->link_full_at));
    memset(scratch->neighbor_full_at, 0, sizeof(scratch->neighbor_full_at));
    scratch->policy = node->policy;
    sb_explain_frame(asked, frame, &burst);
    find_headers(&work);
    describe(&work);
    run(&work);
    return 0;
}

static bool is_mapped(const uint8_t address[16]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    return memcmp(address, mapped, sizeof(mapped)) == 0;
}

static bool is_valid(const struct sb_explain_packet *asked) {
    bool is_ipv4 = is_mapped(asked->source);
    uint32_t echo = is_ipv4 ? SB_PROTOCOL_ICMP : SB_PROTOCOL_ICMPV6;

    if (asked->protocol != SB_PROTOCOL_TCP && asked->protocol != SB_PROTOCOL_UDP &&
        asked->protocol != echo)
        return false;
    if (asked->profile == SB_EXPLAIN_BY_DESTINATION)
        return is_mapped(asked->destination) == is_ipv4;
    return asked->profile < SB_PROFILES_MAX;
}

/* Runs parse and profile. Afterwards it is known which profile's modes apply. */
static void find_headers(struct sb_explaining *work) {
    struct sb_packet *packet = &work->burst->packets[0];

    work->out->reached = 1u << SB_STAGE_PARSE | 1u << SB_STAGE_PROFILE;
    sb_parse_stage(work->scratch, work->burst, work->now);
    sb_profile_stage(work->scratch, work->burst, work->now);
    if (work->asked->profile != SB_EXPLAIN_BY_DESTINATION)
        packet->profile = work->asked->profile;
}

/* Sets the results that do not depend on a stage. */
static void describe(struct sb_explaining *work) {
    const struct sb_countries *countries =
        (const struct sb_countries *)(uintptr_t)work->node->countries;
    struct sb_packet_explained *out = work->out;

    out->profile = work->burst->packets[0].profile;
    out->source_profile =
        (uint16_t)sb_policy_select(sb_policy_of(work->scratch), work->asked->source);
    if (countries == NULL)
        return;
    out->flags |= SB_EXPLAINED_COUNTRIES;
    out->country = (uint16_t)sb_countries_find(countries, work->asked->source);
}

/* Runs the other stages. OWNER is not run: the owner's tables are read directly. path_mtu.c is not
 * run: the packet is never an ICMP error. */
static void run(struct sb_explaining *work) {
    const struct sb_packet *packet = &work->burst->packets[0];
    struct sb_packet_explained *out = work->out;

    run_stage(work, SB_STAGE_SANITY, sb_sanity_stage);
    if (enter(work, SB_STAGE_OWNER))
        run_step(work, SB_STAGE_LISTS, sb_explain_lists);
    if (work->burst->live_count != 0)
        sb_neighbors_exempt(work->scratch, work->burst, work->now);
    run_stage(work, SB_STAGE_COUNTRY, sb_country_stage);
    run_stage(work, SB_STAGE_FILTER, sb_filter_stage);
    run_step(work, SB_STAGE_LIMITS, sb_explain_limits);
    run_step(work, SB_STAGE_CONNECTIONS, sb_explain_connections);
    if (packet->verdict == SB_VERDICT_PASS && enter(work, SB_STAGE_HTTP))
        enter(work, SB_STAGE_FORWARD);
    out->flags |= (packet->flags & SB_PACKET_ALLOWED) != 0 ? SB_EXPLAINED_ALLOWED : 0;
    out->flags |= (packet->flags & SB_PACKET_NEIGHBOR) != 0 ? SB_EXPLAINED_NEIGHBOR : 0;
    out->verdict = packet->verdict;
    out->reason = packet->verdict == SB_VERDICT_DROP ? packet->reason : (uint8_t)SB_REASON_NONE;
}

/* False: the packet does not reach the stage. */
static bool enter(struct sb_explaining *work, enum sb_stage stage) {
    if (work->burst->live_count == 0)
        return false;
    work->out->reached |= 1u << stage;
    return true;
}

static struct sb_profile_stats *counts_of(const struct sb_explaining *work) {
    return &sb_stats_of(work->scratch)->profile[work->out->profile];
}

/* Before each stage: clears the results of the stage before, so that every stage reports all its
 * reasons. */
static void begin(struct sb_explaining *work) {
    work->burst->packets[0].flags &= (uint16_t)~SB_PACKET_WOULD_DROP;
    memset(counts_of(work), 0, sizeof(struct sb_profile_stats));
}

static void run_stage(struct sb_explaining *work, enum sb_stage stage, stage_function *function) {
    if (!enter(work, stage))
        return;
    begin(work);
    function(work->scratch, work->burst, work->now);
    note_findings(work, stage);
}

static void run_step(struct sb_explaining *work, enum sb_stage stage, step_function *step) {
    if (!enter(work, stage))
        return;
    begin(work);
    step(work);
    if (work->burst->packets[0].verdict == SB_VERDICT_DROP)
        sb_burst_leave_out(work->burst, 1);
    note_findings(work, stage);
}

static void note_findings(struct sb_explaining *work, enum sb_stage stage) {
    const struct sb_profile_stats *counts = counts_of(work);
    struct sb_packet_explained *out = work->out;

    for (uint32_t reason = 0; reason < SB_REASON_COUNT; reason++)
        for (uint32_t mode = SB_MODE_MONITOR; mode <= SB_MODE_ENFORCE; mode++)
            if (counts->count[reason][mode] != 0 && out->finding_count < SB_EXPLAINED_FINDINGS_MAX)
                out->finding[out->finding_count++] = (struct sb_explained_finding){
                    (uint8_t)stage, (uint8_t)reason, (uint8_t)mode, 0};
}
