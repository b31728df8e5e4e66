/* collect.c: one collection, and the queries to the collector between two collections. */
#define _GNU_SOURCE
#include <errno.h>
#include <time.h>

#include "detection_private.h"
#include "tables/memory/memory.h"

enum {
    FLOORS_BYTES = SB_PROFILES_MAX * sizeof(struct sb_traffic_sum),
    PLACES_BYTES = SB_PROFILES_MAX * sizeof(uint32_t),
    NS_PER_S = 1000000000
};

static void tell_time(struct sb_node *node);
static void sum_up(struct sb_detection *detection, struct sb_traffic_window *window);
static struct sb_profile_traffic *profile_in(struct sb_detection *detection,
                                             struct sb_traffic_window *window, uint32_t profile);
static void tell_candidates(struct sb_detection *detection, struct sb_traffic_window *window);
static void tell_destination(struct sb_target_traffic *out, const struct sb_watched *watched);
static void tell_followed(const struct sb_detection *detection, struct sb_traffic_window *window);
static void sum_prefix(const struct sb_destinations *destinations,
                       const struct sb_followed *followed, struct sb_target_traffic *out);

int sb_detection_create(const uint64_t *lcores, uint32_t lcore_count, const uint8_t key[16],
                        struct sb_detection **out) {
    struct sb_detection *detection = sb_memory_map_small(sizeof(*detection));
    int result;

    if (detection == NULL)
        return -ENOMEM;
    detection->floors = sb_memory_map_small(FLOORS_BYTES);
    detection->profile_place = sb_memory_map_small(PLACES_BYTES);
    result = detection->floors == NULL || detection->profile_place == NULL ? -ENOMEM : 0;
    if (result == 0)
        result = sb_destinations_create(&detection->destinations, lcores, lcore_count, key);
    if (result == 0)
        result = sb_prefix_sums_create(&detection->prefixes, detection->destinations.max,
                                       &detection->destinations.hash_key);
    if (result == 0)
        result = sb_samples_create(&detection->samples,
                                   (struct sb_node *)(uintptr_t)detection->destinations.node);
    if (result != 0) {
        sb_detection_destroy(detection);
        return result;
    }
    *out = detection;
    return 0;
}

void sb_detection_destroy(struct sb_detection *detection) {
    if (detection == NULL)
        return;
    sb_samples_free(&detection->samples);
    sb_prefix_sums_free(&detection->prefixes);
    sb_destinations_free(&detection->destinations);
    sb_memory_unmap(detection->floors, FLOORS_BYTES);
    sb_memory_unmap(detection->profile_place, PLACES_BYTES);
    sb_memory_unmap(detection, sizeof(*detection));
}

uint64_t sb_detection_bytes(const struct sb_detection *detection) {
    return sizeof(*detection) + FLOORS_BYTES + PLACES_BYTES +
           sb_destinations_bytes(&detection->destinations) +
           sb_prefix_sums_bytes(&detection->prefixes) + sb_samples_bytes();
}

int sb_detection_floors(struct sb_detection *detection, uint32_t profile,
                        const struct sb_traffic_sum *floors) {
    if (profile >= SB_PROFILES_MAX)
        return -EINVAL;
    detection->floors[profile] = *floors;
    return 0;
}

void sb_detection_collect(struct sb_detection *detection, uint64_t boot_ms,
                          struct sb_traffic_window *window) {
    struct sb_samples *samples = &detection->samples;

    tell_time(samples->node);
    sb_destinations_collect(&detection->destinations, boot_ms / SB_HISTORY_SLOT_MS);
    memset(window, 0, offsetof(struct sb_traffic_window, profile));
    window->boot_ms = boot_ms;
    window->destinations = detection->destinations.count;
    sum_up(detection, window);
    window->samples_lost =
        sb_samples_collect(samples, &detection->destinations, boot_ms / SB_HISTORY_SLOT_MS);
    sb_samples_adapt(samples, window->all.since.count[SB_TRAFFIC_PACKETS],
                     boot_ms - detection->collected_ms);
    window->packets_every = samples->node->sample_packets_every;
    window->sources_every = 1ull << samples->node->sample_sources_shift;
    tell_candidates(detection, window);
    tell_followed(detection, window);
    detection->collected_ms = boot_ms;
}

/* Publishes a time that is finer than the workers' time. */
static void tell_time(struct sb_node *node) {
    const uint32_t index = node->clock_index ^ 1;
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    node->clock[index] =
        (struct sb_clock_pair){.tsc = __builtin_ia32_rdtsc(),
                               .boot_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
    __atomic_store_n(&node->clock_index, index, __ATOMIC_RELEASE);
}

/* --- sums --------------------------------------------------------------------------------------
 */

static void sum_up(struct sb_detection *detection, struct sb_traffic_window *window) {
    const struct sb_destinations *destinations = &detection->destinations;

    memset(detection->profile_place, 0, PLACES_BYTES);
    sb_prefix_sums_clear(&detection->prefixes);
    for (uint32_t i = 0; i < destinations->active_count; i++) {
        const struct sb_watched *watched = &destinations->watched[destinations->active[i]];
        const struct sb_history *history = &watched->history;
        struct sb_profile_traffic *profile = profile_in(detection, window, watched->profile);

        sb_now_add(&window->all, &history->window, &history->since);
        sb_now_add(&profile->traffic, &history->window, &history->since);
        sb_sum_raise(&profile->highest, &history->window);
        sb_prefix_sums_add(&detection->prefixes, watched->address, watched->profile, history);
    }
    for (uint32_t profile = 0; profile < SB_PROFILES_MAX; profile++) {
        const struct sb_history *history = &destinations->overflow[profile];

        if (history->slot == 0 || sb_counts_is_zero(&history->window))
            continue;
        sb_now_add(&window->all, &history->window, &history->since);
        sb_now_add(&profile_in(detection, window, profile)->traffic, &history->window,
                   &history->since);
    }
}

static struct sb_profile_traffic *profile_in(struct sb_detection *detection,
                                             struct sb_traffic_window *window, uint32_t profile) {
    uint32_t *place = &detection->profile_place[profile];

    if (*place == 0) {
        *place = ++window->profile_count;
        window->profile[*place - 1] = (struct sb_profile_traffic){.profile = profile};
    }
    return &window->profile[*place - 1];
}

/* --- targets -----------------------------------------------------------------------------------
 */

static void tell_candidates(struct sb_detection *detection, struct sb_traffic_window *window) {
    const struct sb_destinations *destinations = &detection->destinations;
    const struct sb_prefix_sums *prefixes = &detection->prefixes;
    struct sb_candidates *candidates = &detection->candidates;

    candidates->count = 0;
    candidates->cut = 0;
    for (uint32_t i = 0; i < destinations->active_count; i++) {
        const struct sb_watched *watched = &destinations->watched[destinations->active[i]];

        sb_candidates_offer(candidates, &detection->floors[watched->profile],
                            &watched->history.window,
                            (struct sb_candidate){.destination = watched});
    }
    for (uint32_t i = 0; i < prefixes->count; i++) {
        const struct sb_prefix_sum *sum = &prefixes->sums[i];

        if (sum->destinations > 1)
            sb_candidates_offer(candidates, &detection->floors[sum->profile], &sum->window,
                                (struct sb_candidate){.prefix = sum});
    }
    sb_candidates_sort(candidates);
    window->cut = candidates->cut;
    window->candidate_count = candidates->count;
    for (uint32_t i = 0; i < candidates->count; i++) {
        struct sb_target_traffic *out = &window->candidate[i];
        const struct sb_prefix_sum *sum = candidates->each[i].prefix;

        memset(out, 0, sizeof(*out));
        if (sum == NULL) {
            tell_destination(out, candidates->each[i].destination);
            continue;
        }
        memcpy(out->key, &sum->key, sizeof(out->key));
        out->prefix_length = sum->prefix_length;
        out->profile = sum->profile;
        out->destinations = sum->destinations;
        sb_now_add(&out->traffic, &sum->window, &sum->since);
    }
}

static void tell_destination(struct sb_target_traffic *out, const struct sb_watched *watched) {
    memcpy(out->key, &watched->address, sizeof(out->key));
    out->prefix_length = 128;
    out->profile = watched->profile;
    out->destinations = watched->is_active;
    if (watched->is_active != 0)
        sb_now_add(&out->traffic, &watched->history.window, &watched->history.since);
}

static void tell_followed(const struct sb_detection *detection, struct sb_traffic_window *window) {
    const struct sb_samples *samples = &detection->samples;

    window->followed_count = samples->followed_count;
    for (uint32_t i = 0; i < samples->followed_count; i++) {
        const struct sb_followed *followed = &samples->followed[samples->order[i]];
        struct sb_target_traffic *out = &window->followed[i];
        const struct sb_watched *watched;

        memset(out, 0, sizeof(*out));
        memcpy(out->key, &followed->key, sizeof(out->key));
        out->prefix_length = followed->prefix_length;
        if (followed->prefix_length < 128) {
            sum_prefix(&detection->destinations, followed, out);
            continue;
        }
        watched = sb_destinations_find(&detection->destinations, followed->key);
        if (watched != NULL)
            tell_destination(out, watched);
    }
}

static void sum_prefix(const struct sb_destinations *destinations,
                       const struct sb_followed *followed, struct sb_target_traffic *out) {
    for (uint32_t i = 0; i < destinations->active_count; i++) {
        const struct sb_watched *watched = &destinations->watched[destinations->active[i]];

        if (!sb_followed_is(followed, watched->address))
            continue;
        out->profile = watched->profile;
        out->destinations++;
        sb_now_add(&out->traffic, &watched->history.window, &watched->history.since);
    }
}
