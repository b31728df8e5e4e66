/* reasons.h: names, texts, stages and default modes of reasons and stages, from the X-macro lists.
 */
#ifndef SB_REASONS_H
#define SB_REASONS_H

#include "abi.h"

/* NULL for a number that does not exist. */
const char *sb_reason_name(uint32_t reason);
const char *sb_reason_text(uint32_t reason);
const char *sb_stage_name(uint32_t stage);
/* The stage of a reason; the modes that it may have, bit m for mode m; its default mode. */
uint32_t sb_reason_stage(uint32_t reason);
uint32_t sb_reason_modes(uint32_t reason);
uint32_t sb_reason_default_mode(uint32_t reason);

/* The compiler evaluates it if the reason is a constant. */
static inline enum sb_stage sb_stage_of(enum sb_reason reason) {
    static const uint8_t stages[SB_REASON_COUNT] = {
#define SB_REASON(name, stage, modes, standard, text) SB_STAGE_##stage,
#include "defs/reasons.def"
#undef SB_REASON
    };

    return (enum sb_stage)stages[reason];
}

#endif
