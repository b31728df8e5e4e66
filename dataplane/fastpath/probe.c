/* probe.c: what the generator of dataplane/abi.py reads; never linked into anything.
 *
 * Compiled with -g: structures and enums come from its DWARF, macros and texts from the variables
 * below.
 */
#include "abi.h"

const uint64_t sb_probe_stats_magic = SB_STATS_MAGIC;
const uint64_t sb_probe_latency_bounds_ns[SB_LATENCY_BUCKETS - 1] = SB_LATENCY_BOUNDS_NS;

/* One after the other, each with its terminating zero: no pointers, so no relocations. */
const char sb_probe_reason_text[] =
#define SB_REASON(name, stage, mode, text) text "\0"
#include "reasons.def"
#undef SB_REASON
    ;
const char sb_probe_stage_text[] =
#define SB_STAGE(name, text) text "\0"
#include "stages.def"
#undef SB_STAGE
    ;
