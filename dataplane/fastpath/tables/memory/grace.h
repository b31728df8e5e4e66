/* grace.h: the writer's side of readers.h: finds out when no reader uses unlinked memory.
 *
 * The only implementation of a grace period in the data plane. Tables that free memory themselves
 * use it (addresses.c, generations.c), and Python uses it for the tables that it swaps
 * (dataplane/tables/retired.py). The order of operations:
 *
 *     writer                                     reader, in each turn of its loop
 *     W1 stores: the pointer leads elsewhere     R1 loads the pointer and what it leads to
 *     W2 full fence (sb_grace_begin)             R2 increments, a full barrier
 *     W3 loads the reader's counter
 *     W4 loads it again (sb_grace_over):
 *        has it changed? then frees
 *
 * Suppose that W4 reads the value written by R2, and W3 did not. Then R2 comes after W3 and,
 * because of the fence, W1 comes before W3 for every thread: an R1 after R2 loads the new pointer.
 * An R1 before R2 has ended, because R2 releases and W4 acquires. So no reader uses the freed
 * memory. Without W2, W1 may still be in the writer's store buffer at W3: the reader could
 * increment its counter and then load the old pointer.
 *
 * R2 is one locked instruction. On x86 it is a full barrier for later loads too; an architecture
 * with weaker atomic operations needs a fence after it.
 */
#ifndef SB_GRACE_H
#define SB_GRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "abi.h"

/* Records every reader's counter; to be called after the unlinking stores. readers NULL: none. */
void sb_grace_begin(struct sb_grace *grace, const struct sb_readers *readers);

/* Whether every reader that was active at sb_grace_begin, and still is, has been quiescent since.
 */
bool sb_grace_over(const struct sb_grace *grace, const struct sb_readers *readers);

#endif
