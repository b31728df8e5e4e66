/* reasons.c: names, texts and default modes of reasons and stages, from the X-macro lists. */
#include <stddef.h>

#include "reasons.h"

struct reason {
    const char *name;
    const char *text;
    uint8_t stage;
    uint8_t modes; /* SB_MODES_ */
    uint8_t standard;
};

static const struct reason reasons[SB_REASON_COUNT] = {
#define SB_REASON(name, stage, modes, standard, text)                                              \
    {#name, text, SB_STAGE_##stage, SB_MODES_##modes, SB_MODE_##standard},
#include "defs/reasons.def"
#undef SB_REASON
};

static const char *const stages[SB_STAGE_COUNT] = {
#define SB_STAGE(name, text) #name,
#include "defs/stages.def"
#undef SB_STAGE
};

_Static_assert(SB_REASON_COUNT <= sizeof(((struct sb_profile *)0)->mode),
               "a mode for every reason");
_Static_assert(SB_REASONS_MAX <= UINT8_MAX + 1, "a packet has one byte for its reason");

const char *sb_reason_name(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].name : NULL;
}

const char *sb_reason_text(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].text : NULL;
}

const char *sb_stage_name(uint32_t stage) {
    return stage < SB_STAGE_COUNT ? stages[stage] : NULL;
}

uint32_t sb_reason_stage(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].stage : SB_STAGE_COUNT;
}

uint32_t sb_reason_modes(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].modes : 0;
}

uint32_t sb_reason_default_mode(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].standard : SB_MODE_OFF;
}
