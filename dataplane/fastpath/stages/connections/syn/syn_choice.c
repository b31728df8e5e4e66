/* syn_choice.c: which SYNs the SYN proxy answers, and which it forwards. */
#include "syn_proxy.h"

enum {
    PASSED_MAX = 10, /* per ALLOWANCE_DS and protected address: SYNs that the proxy can't answer */
    ALLOWANCE_DS = 10,
    ASKED_MAX = 1, /* per ALLOWANCE_DS: SYNs to a port that has never answered */
    ASK_EVERY_DS = 10,
    ASK_AGAIN_DS = 300 /* a host that has answered without some of the options */
};

static bool may_pass(struct sb_allowance *allowance, uint32_t boot_ds, uint32_t most) {
    if (boot_ds - allowance->window_ds >= ALLOWANCE_DS)
        *allowance = (struct sb_allowance){.window_ds = boot_ds};
    if (allowance->passed >= most)
        return false;
    allowance->passed++;
    return true;
}

static bool has_all(const struct sb_host_options *host) {
    const uint32_t all = SB_HOST_KNOWS_SCALE | SB_HOST_KNOWS_TIMES | SB_HOST_TIMES | SB_HOST_SACK;

    return (host->flags & all) == all && host->scale != SB_TCP_NO_SCALE;
}

/* Whether a SYN with all options goes to the protected host, so that the node learns the host's
 * options. A port that has answered before has a time of its own: ports that never answer can't use
 * it up. */
static bool must_ask(const struct sb_proxy *proxy, const struct sb_packet *packet) {
    const struct sb_address_words address = sb_protected_words(packet);
    const uint32_t port = sb_protected_port(packet), now_ds = proxy->now->boot_ds;
    struct sb_host_options *host = sb_host_find(proxy->table, address, port);

    if (host == NULL)
        return may_pass(sb_allowance_of(proxy->table, proxy->table->asked, address, port), now_ds,
                        ASKED_MAX);
    if (has_all(host) || (int32_t)(host->ask_ds - now_ds) > 0)
        return false;
    host->ask_ds =
        now_ds + ((host->flags & SB_HOST_KNOWS_TIMES) != 0 ? ASK_AGAIN_DS : ASK_EVERY_DS);
    return true;
}

/* Only the host can sign its segments (RFC 2385, RFC 5925), and a cookie can't encode so small an
 * MSS. */
static bool is_unanswerable(const struct sb_tcp_options *options) {
    return options->is_signed || (options->mss != 0 && options->mss < SB_TCP_MSS_DEFAULT);
}

enum sb_syn_choice sb_proxy_choose(const struct sb_proxy *proxy, const struct sb_packet *packet,
                                   const struct sb_tcp_options *options) {
    struct sb_syn_proxy_table *table = proxy->table;
    struct sb_allowance *allowance;

    if (SB_UNLIKELY(is_unanswerable(options))) {
        allowance = sb_allowance_of(table, table->unanswerable, sb_protected_words(packet), 0);
        return may_pass(allowance, proxy->now->boot_ds, PASSED_MAX) ? SB_SYN_PASS : SB_SYN_REFUSE;
    }
    if (!options->has_times || options->scale == SB_TCP_NO_SCALE || !options->may_sack ||
        !must_ask(proxy, packet))
        return SB_SYN_ANSWER;
    return SB_SYN_PASS;
}

/* --- options of protected hosts --- */

void sb_proxy_learn(const struct sb_proxy *proxy, const struct sb_packet *packet,
                    bool offered_scale, bool offered_times, bool offered_sack) {
    struct sb_host_options *host;
    struct sb_tcp_options options;

    sb_tcp_read_options(packet, &options);
    host = sb_host_learn(proxy->table, sb_protected_words(packet), sb_protected_port(packet),
                         proxy->now->boot_ds);
    host->mss = options.mss >= SB_TCP_MSS_DEFAULT ? options.mss : (uint16_t)SB_TCP_MSS_DEFAULT;
    host->lifetime = sb_ip_lifetime(packet);
    host->traffic_class = sb_ip_traffic_class(packet);
    if (offered_scale) {
        host->scale = options.scale;
        host->flags |= SB_HOST_KNOWS_SCALE;
    }
    if (offered_times) {
        host->flags &= (uint8_t)~SB_HOST_TIMES;
        host->flags |= SB_HOST_KNOWS_TIMES | (options.has_times ? SB_HOST_TIMES : 0);
        host->ask_ds = proxy->now->boot_ds + ASK_AGAIN_DS;
    }
    if (offered_sack) {
        host->flags &= (uint8_t)~SB_HOST_SACK;
        host->flags |= options.may_sack ? SB_HOST_SACK : 0;
    }
}
