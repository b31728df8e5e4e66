/* grace.h: the writer's side of readers.h: when has every reader let go of what was unlinked? */
#ifndef SB_GRACE_H
#define SB_GRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

struct sb_grace {
    uint64_t count;
    uint64_t seen[SB_LCORES_MAX];
};

/* Notes every reader's counter; call it after the unlinking stores. readers NULL: nobody reads. */
void sb_grace_begin(struct sb_grace *grace, const struct sb_readers *readers);

/* Whether every reader that ran at sb_grace_begin has been quiescent since. */
bool sb_grace_over(const struct sb_grace *grace, const struct sb_readers *readers);

#endif
