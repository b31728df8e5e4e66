#include "grace.h"

static uint64_t reader_count(const struct sb_readers *readers) {
    uint64_t count = readers == NULL ? 0 : __atomic_load_n(&readers->count, __ATOMIC_ACQUIRE);

    return count < SB_LCORES_MAX ? count : SB_LCORES_MAX;
}

void sb_grace_begin(struct sb_grace *grace, const struct sb_readers *readers) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    grace->count = reader_count(readers);
    for (uint64_t i = 0; i < grace->count; i++)
        grace->seen[i] = __atomic_load_n(&readers->reader[i].quiescent, __ATOMIC_ACQUIRE);
}

bool sb_grace_over(const struct sb_grace *grace, const struct sb_readers *readers) {
    uint64_t running = reader_count(readers);
    uint64_t count = grace->count < running ? grace->count : running;

    for (uint64_t i = 0; i < count; i++)
        if (__atomic_load_n(&readers->reader[i].quiescent, __ATOMIC_ACQUIRE) == grace->seen[i])
            return false;
    return true;
}
