/* reasons.c: names, texts and default modes of reasons and stages, from the X-macro lists. */
#include <stddef.h>
#include <string.h>

#include "pipeline.h"

enum { SELECTABLE = 1 << 7 };

/* Default modes as reasons.def spells them. */
enum {
    MODE_OFF = SB_MODE_OFF | SELECTABLE,
    MODE_MONITOR = SB_MODE_MONITOR | SELECTABLE,
    MODE_ENFORCE = SB_MODE_ENFORCE | SELECTABLE,
    MODE_STRUCTURAL = SB_MODE_ENFORCE
};

struct reason {
    const char *name;
    const char *text;
    uint8_t stage;
    uint8_t mode;
};

static const struct reason reasons[SB_REASON_COUNT] = {
#define SB_REASON(name, stage, mode, text) {#name, text, SB_STAGE_##stage, MODE_##mode},
#include "reasons.def"
#undef SB_REASON
};

static const char *const stages[SB_STAGE_COUNT] = {
#define SB_STAGE(name, text) #name,
#include "stages.def"
#undef SB_STAGE
};

_Static_assert(SB_REASON_COUNT <= sizeof(((struct sb_profile *)0)->mode),
               "a mode for every reason");

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

uint32_t sb_reason_default_mode(uint32_t reason) {
    return reason < SB_REASON_COUNT ? reasons[reason].mode & ~SELECTABLE : SB_MODE_OFF;
}

uint32_t sb_reason_selectable(uint32_t reason) {
    return reason < SB_REASON_COUNT && (reasons[reason].mode & SELECTABLE) != 0;
}

void sb_profile_init(struct sb_profile *profile) {
    memset(profile, 0, sizeof(*profile));
    for (uint32_t reason = 0; reason < SB_REASON_COUNT; reason++)
        profile->mode[reason] = (uint8_t)sb_reason_default_mode(reason);
}
