/* grace.h: the writer's side of readers.h: when has every reader let go of what was unlinked?
 *
 * The one grace period of the data plane, for tables that free by themselves (addresses.c,
 * generations.c) and for those that Python swaps (dataplane/tables/retired.py). In order:
 *
 *     writer                                     reader, in each turn of its loop
 *     W1 stores: the pointer leads elsewhere     R1 loads the pointer and what it leads to
 *     W2 full fence (sb_grace_begin)             R2 counts on, a full barrier
 *     W3 loads the reader's counter
 *     W4 loads it again (sb_grace_over):
 *        it has moved on? then frees
 *
 * Say that W4 sees what R2 has written and W3 did not. Then R2 comes after W3, and, by the fence,
 * W1 comes before W3 for every thread: an R1 after R2 finds the new pointer. An R1 before R2 has
 * ended, because R2 releases and W4 acquires. So no reader uses what is freed. Without W2, W1 may
 * still be in the writer's store buffer at W3: the reader counts on and then loads the old pointer.
 *
 * R2 is one locked instruction, on x86 a full barrier also for the loads behind it; a machine with
 * weaker ones needs a fence after it.
 */
#ifndef SB_GRACE_H
#define SB_GRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

/* Notes every reader's counter; call it after the unlinking stores. readers NULL: there are none.
 */
void sb_grace_begin(struct sb_grace *grace, const struct sb_readers *readers);

/* Whether every reader that ran at sb_grace_begin, and runs still, has been quiescent since. */
bool sb_grace_over(const struct sb_grace *grace, const struct sb_readers *readers);

#endif
