/* proxy_watch.c: when the SYN proxy is on. Of a profile with AUTO each protected address is counted
 * by itself. */
#include "proxy.h"

enum { WINDOW_DS = 10, TOLD_AT_ONCE = 8 };

static struct sb_destination *destination_of(const struct sb_proxy *proxy,
                                             const struct sb_packet *packet) {
    return sb_destination_find(proxy->table, sb_protected_words(packet), proxy->now->boot_ds);
}

/* More SYNs in the second that runs than the rate: at once. At its end: many, and most of them
 * never completed. It stays on until both have been less than half of that for a while. */
bool sb_proxy_is_attacked(const struct sb_proxy *proxy, const struct sb_packet *packet,
                          uint32_t rate, bool is_syn) {
    struct sb_destination *destination = destination_of(proxy, packet);
    uint32_t now_ds = proxy->now->boot_ds, passed = now_ds - destination->window_ds;
    bool is_on = (int32_t)(destination->on_until_ds - now_ds) > 0, attacked = false;
    uint32_t syns;

    if (passed >= WINDOW_DS) {
        bool is_unanswered = destination->syns >= SB_SYN_UNANSWERED_MIN &&
                             2 * destination->completed < destination->syns;

        attacked =
            passed < 2 * WINDOW_DS && (is_unanswered || (is_on && 2 * destination->syns > rate));
        destination->window_ds = now_ds;
        destination->syns = destination->completed = 0;
    }
    destination->syns += is_syn;
    syns = destination->syns;
    if (!attacked && syns <= rate)
        return is_on;
    destination->on_until_ds = now_ds + SB_SYN_PROXY_HOLD_DS;
    if (destination->is_on == 0) {
        destination->is_on = 1;
        proxy->table->on_count++;
        sb_notify(proxy->lcore, SB_NOTICE_SYN_PROXY_ON, syns,
                  (const uint8_t *)&destination->address, proxy->now);
    }
    return true;
}

void sb_proxy_count_completed(const struct sb_proxy *proxy, const struct sb_packet *packet) {
    if (proxy->table != NULL && sb_profile_of(proxy->lcore, packet)->syn_proxy == SB_SYN_PROXY_AUTO)
        destination_of(proxy, packet)->completed++;
}

void sb_proxy_tell_off(const struct sb_proxy *proxy) {
    struct sb_syn_proxy_table *table = proxy->table;

    if (table->on_count == 0)
        return;
    for (uint32_t i = 0; i < TOLD_AT_ONCE; i++) {
        struct sb_destination *destination = &table->destinations[table->scan_next];

        table->scan_next = (table->scan_next + 1) % (SB_DESTINATION_SETS * SB_DESTINATION_WAYS);
        if (destination->is_on == 0 ||
            (int32_t)(destination->on_until_ds - proxy->now->boot_ds) > 0)
            continue;
        destination->is_on = 0;
        table->on_count--;
        sb_notify(proxy->lcore, SB_NOTICE_SYN_PROXY_OFF, 0, (const uint8_t *)&destination->address,
                  proxy->now);
    }
}
