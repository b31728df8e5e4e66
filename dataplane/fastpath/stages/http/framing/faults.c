/* faults.c: maps each fault to its reason. */
#include "abi.h"
#include "message.h"

uint32_t sb_http_fault_reason(uint32_t fault) {
    static const uint8_t reasons[SB_HTTP_FAULT_COUNT] = {
#define SB_HTTP_FAULT(name) SB_REASON_HTTP_##name,
#include "faults.def"
#undef SB_HTTP_FAULT
    };

    return fault < SB_HTTP_FAULT_COUNT ? reasons[fault] : SB_REASON_NONE;
}

_Static_assert(SB_HTTP_FAULT_COUNT <= 64, "a bit for each");
