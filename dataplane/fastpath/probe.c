/* probe.c: input of the generator of dataplane/native/abi.py; not linked into any program.
 *
 * Compiled with -g: structures and enums come from its DWARF, macros and texts from the variables
 * below.
 */
#include "abi.h"

const uint64_t sb_probe_stats_magic = SB_STATS_MAGIC;
const uint64_t sb_probe_latency_bounds_ns[SB_LATENCY_BUCKETS - 1] = SB_LATENCY_BOUNDS_NS;

/* Consecutive strings, each with its terminating zero: without pointers, there are no relocations.
 */
const char sb_probe_reason_text[] =
#define SB_REASON(name, stage, modes, standard, text) text "\0"
#include "defs/reasons.def"
#undef SB_REASON
    ;
/* By reason: its stage, the modes that it may have (bit m for mode m), its default mode. */
const uint8_t sb_probe_reason_stage[] = {
#define SB_REASON(name, stage, modes, standard, text) SB_STAGE_##stage,
#include "defs/reasons.def"
#undef SB_REASON
};
const uint8_t sb_probe_reason_modes[] = {
#define SB_REASON(name, stage, modes, standard, text) SB_MODES_##modes,
#include "defs/reasons.def"
#undef SB_REASON
};
const uint8_t sb_probe_reason_default[] = {
#define SB_REASON(name, stage, modes, standard, text) SB_MODE_##standard,
#include "defs/reasons.def"
#undef SB_REASON
};
const char sb_probe_stage_text[] =
#define SB_STAGE(name, text) text "\0"
#include "defs/stages.def"
#undef SB_STAGE
    ;
const char sb_probe_attack_text[] =
#define SB_ATTACK(name, metric, text) text "\0"
#include "defs/attacks.def"
#undef SB_ATTACK
    ;
/* By attack: the metric that is compared with its threshold. */
const uint8_t sb_probe_attack_metric[] = {
#define SB_ATTACK(name, metric, text) SB_METRIC_##metric,
#include "defs/attacks.def"
#undef SB_ATTACK
};
