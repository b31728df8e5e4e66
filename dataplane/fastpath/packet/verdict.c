/* verdict.c: see verdict.h. */
#include "verdict.h"

#include "address.h"
#include "ring.h"

_Static_assert(sizeof(struct sb_drop_sample) == sizeof(((struct sb_ring_element *)0)->payload),
               "a drop sample fills an element");

static struct sb_packet *add_released(struct sb_lcore *lcore, const struct sb_packet *held);
static void push_event(struct sb_lcore *lcore, struct sb_ring_element *element);

void sb_release(struct sb_lcore *lcore, const struct sb_packet *held) {
    add_released(lcore, held)->verdict = SB_VERDICT_PASS;
}

void sb_give_up(struct sb_lcore *lcore, const struct sb_packet *held) {
    sb_consume(lcore, add_released(lcore, held));
}

/* Every stage that holds packets has an assertion that one run can't release more than
 * SB_RELEASED_MAX. */
static struct sb_packet *add_released(struct sb_lcore *lcore, const struct sb_packet *held) {
    struct sb_outbox *outbox = sb_outbox_of(lcore);
    struct sb_packet *packet = &outbox->released[outbox->released_count++];

    *packet = *held;
    sb_stats_of(lcore)->port[packet->port].held_now--;
    return packet;
}

bool sb_originate(struct sb_lcore *lcore, const struct sb_own_segment *segment) {
    struct sb_outbox *outbox = sb_outbox_of(lcore);
    const struct sb_packet *like = segment->like;
    struct sb_buffer buffer;
    uint32_t length;

    if (outbox->buffer_count == 0)
        return false;
    buffer = outbox->buffer[--outbox->buffer_count];
    length = sb_tcp_write_segment((uint8_t *)(uintptr_t)buffer.data, like, segment->back,
                                  &segment->header, segment->payload, segment->payload_size);
    length = sb_pad_frame((uint8_t *)(uintptr_t)buffer.data, length, SB_OWN_FRAME_MAX);
    outbox->own[outbox->own_count++] =
        (struct sb_packet){.mbuf = buffer.mbuf,
                           .data = buffer.data,
                           .length = length,
                           .available = (uint16_t)length,
                           .port = (uint16_t)(segment->back ? like->port ^ 1 : like->port),
                           .verdict = SB_VERDICT_PASS,
                           .origin = (uint16_t)segment->kind};
    sb_stats_of(lcore)->origin[segment->kind].originated++;
    return true;
}

bool sb_originate_reset(struct sb_lcore *lcore, const struct sb_packet *like, bool back,
                        uint32_t sequence) {
    const uint8_t lifetime = sb_ip_lifetime(like);
    const bool is_kept = !back || lifetime == SB_IP_LIFETIME_MAX;
    const struct sb_own_segment segment = {
        .kind = SB_ORIGIN_RESET,
        .back = back,
        .like = like,
        .header = {.sequence = sequence,
                   .flags = SB_TCP_RST,
                   .lifetime = is_kept ? lifetime : (uint8_t)SB_IP_LIFETIME_DEFAULT,
                   .traffic_class = back ? (uint8_t)0 : sb_ip_traffic_class(like),
                   .options = {.scale = SB_TCP_NO_SCALE}}};

    return sb_originate(lcore, &segment);
}

__attribute__((cold)) void sb_drop_sample(struct sb_lcore *lcore, const struct sb_packet *packet,
                                          enum sb_reason reason, enum sb_mode mode,
                                          const struct sb_time *now) {
    struct sb_ring_element element = {.kind = SB_MESSAGE_DROP_SAMPLE};
    struct sb_drop_sample sample = {.boot_ds = now->boot_ds,
                                    .profile = packet->profile,
                                    .reason = (uint8_t)reason,
                                    .mode = (uint8_t)mode,
                                    .port = (uint8_t)packet->port,
                                    .protocol = packet->protocol};

    lcore->sample_ds[reason] = now->boot_ds;
    sb_packet_address(packet, packet->client_offset, sample.client);
    sb_packet_address(packet, packet->protected_offset, sample.protected_address);
    memcpy(element.payload, &sample, sizeof(sample));
    push_event(lcore, &element);
}

__attribute__((cold)) void sb_notify(struct sb_lcore *lcore, enum sb_notice_kind kind,
                                     uint64_t value, const uint8_t address[16], uint16_t profile,
                                     const struct sb_time *now) {
    struct sb_ring_element element = {.kind = SB_MESSAGE_NOTICE};
    struct sb_notice notice = {.boot_ms = (uint64_t)now->boot_ds * 100,
                               .notice = kind,
                               .value = value,
                               .profile = profile};

    memcpy(notice.address, address, sizeof(notice.address));
    memcpy(element.payload, &notice, sizeof(notice));
    push_event(lcore, &element);
}

static void push_event(struct sb_lcore *lcore, struct sb_ring_element *element) {
    uint64_t consumer = __atomic_load_n(&lcore->events_consumer, __ATOMIC_ACQUIRE);

    if (lcore->events == 0 || consumer == 0)
        return;
    if (sb_ring_push((struct sb_ring_producer *)(uintptr_t)lcore->events,
                     (const struct sb_ring_consumer *)(uintptr_t)consumer, element) != 0)
        sb_stats_of(lcore)->events_lost++;
}
