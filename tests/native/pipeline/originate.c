/* originate.c: fills in a segment of the node's own, as a stage would, for tests. */
#include "packet/verdict.h"

typedef bool originate_function(struct sb_lcore *lcore, const struct sb_own_segment *segment);

bool originate(originate_function *function, struct sb_lcore *lcore, const struct sb_packet *like,
               bool back, const uint8_t *payload, uint32_t payload_size);

bool originate(originate_function *function, struct sb_lcore *lcore, const struct sb_packet *like,
               bool back, const uint8_t *payload, uint32_t payload_size) {
    const struct sb_own_segment segment = {
        .kind = SB_ORIGIN_RESET,
        .back = back,
        .like = like,
        .header = {.sequence = 0xfffffffe,
                   .acknowledgment = 7,
                   .window = 1024,
                   .flags = SB_TCP_ACK | SB_TCP_FIN,
                   .lifetime = 255,
                   .traffic_class = 0xc0,
                   .options = {.scale = SB_TCP_NO_SCALE,
                               .has_times = true,
                               .time_value = 1,
                               .time_echo = 2}},
        .payload = payload,
        .payload_size = payload_size,
    };

    return function(lcore, &segment);
}
