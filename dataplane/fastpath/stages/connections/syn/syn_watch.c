/* syn_watch.c: switches the SYN proxy on and off. In a profile with AUTO, SYNs are counted per
 * protected address and for the whole profile, because a flood may be spread over many addresses.
 */
#include "syn_proxy.h"
#include "tables/traffic/traffic.h"

enum {
    WINDOW_DS = 10,
    TOLD_AT_ONCE = 8,
    WATCHED = SB_DESTINATION_SETS * SB_DESTINATION_WAYS + SB_PROFILES_MAX
};

/* The numbers of SYNs above which the proxy is switched on. */
struct threshold {
    uint32_t at_once;    /* in the current second */
    uint32_t unanswered; /* in the whole second, if most handshakes were not completed */
};

static bool is_attacked(const struct sb_proxy *proxy, struct sb_destination *destination,
                        const struct threshold *most, bool is_syn);
static bool was_attacked(const struct sb_destination *destination, const struct threshold *most,
                         bool is_on);
static void switch_on(const struct sb_proxy *proxy, struct sb_destination *destination);
static struct sb_destination *watched(const struct sb_syn_proxy_table *table, uint32_t index);

bool sb_proxy_is_attacked(const struct sb_proxy *proxy, const struct sb_packet *packet,
                          uint32_t rate, bool is_syn) {
    const struct threshold of_one = {rate, SB_SYN_UNANSWERED_MIN};
    const struct threshold of_all = {UINT32_MAX,
                                     rate > SB_SYN_UNANSWERED_MIN ? rate : SB_SYN_UNANSWERED_MIN};
    const struct sb_address_words address = sb_protected_words(packet);
    struct sb_destination *one =
        is_syn ? sb_destination_make(proxy->table, address, packet->profile, proxy->now->boot_ds)
               : sb_destination_find(proxy->table, address);
    bool all = is_attacked(proxy, &proxy->table->profiles[packet->profile], &of_all, is_syn);

    return (one != NULL && is_attacked(proxy, one, &of_one, is_syn)) || all;
}

/* Counts a SYN and, when a second is over, judges that second. The proxy stays on for
 * SB_SYN_PROXY_HOLD_DS after the last second with more than half of the threshold. */
static bool is_attacked(const struct sb_proxy *proxy, struct sb_destination *destination,
                        const struct threshold *most, bool is_syn) {
    uint32_t now_ds = proxy->now->boot_ds, passed = now_ds - destination->window_ds;
    bool is_on = (int32_t)(destination->on_until_ds - now_ds) > 0, attacked = false;

    if (passed >= WINDOW_DS) {
        attacked = passed < 2 * WINDOW_DS && was_attacked(destination, most, is_on);
        destination->syns_before = passed < 2 * WINDOW_DS ? destination->syns : 0;
        destination->window_ds = now_ds;
        destination->syns = destination->completed = 0;
    }
    destination->syns += is_syn;
    if (!attacked && destination->syns <= most->at_once)
        return is_on;
    destination->on_until_ds = now_ds + SB_SYN_PROXY_HOLD_DS;
    if (destination->is_on == 0)
        switch_on(proxy, destination);
    return true;
}

static bool was_attacked(const struct sb_destination *destination, const struct threshold *most,
                         bool is_on) {
    const uint32_t syns = destination->syns;
    bool is_unanswered = 2 * destination->completed < syns;

    if (is_unanswered && (syns >= most->unanswered || (is_on && 2 * syns > most->unanswered)))
        return true;
    return is_on && syns > most->at_once / 2;
}

static void switch_on(const struct sb_proxy *proxy, struct sb_destination *destination) {
    destination->is_on = 1;
    proxy->table->on_count++;
    sb_notify(proxy->lcore, SB_NOTICE_SYN_PROXY_ON,
              destination->syns > destination->syns_before ? destination->syns
                                                           : destination->syns_before,
              (const uint8_t *)&destination->address, destination->profile, proxy->now);
}

void sb_proxy_count_completed(const struct sb_proxy *proxy, const struct sb_packet *packet) {
    struct sb_destination *destination;

    sb_traffic_count(proxy->lcore, packet, SB_TRAFFIC_CONNECTION);
    if (proxy->table == NULL || sb_profile_of(proxy->lcore, packet)->syn_proxy != SB_SYN_PROXY_AUTO)
        return;
    proxy->table->profiles[packet->profile].completed++;
    destination = sb_destination_find(proxy->table, sb_protected_words(packet));
    if (destination != NULL)
        destination->completed++;
}

void sb_proxy_report_off(const struct sb_proxy *proxy) {
    struct sb_syn_proxy_table *table = proxy->table;

    if (table->on_count == 0)
        return;
    for (uint32_t i = 0; i < TOLD_AT_ONCE; i++) {
        struct sb_destination *destination = watched(table, table->scan_next);

        table->scan_next = table->scan_next + 1 == WATCHED ? 0 : table->scan_next + 1;
        if (destination->is_on == 0 ||
            (int32_t)(destination->on_until_ds - proxy->now->boot_ds) > 0)
            continue;
        destination->is_on = 0;
        table->on_count--;
        sb_notify(proxy->lcore, SB_NOTICE_SYN_PROXY_OFF, 0, (const uint8_t *)&destination->address,
                  destination->profile, proxy->now);
    }
}

static struct sb_destination *watched(const struct sb_syn_proxy_table *table, uint32_t index) {
    if (index < SB_PROFILES_MAX)
        return &table->profiles[index];
    return &table->destinations[index - SB_PROFILES_MAX];
}
