/* readers.h: how a reader says that it holds no pointer into a shared table.
 *
 * Writer: unlinks, then notes every reader's counter and reuses the memory once all have moved on
 * (tables/memory/grace.h, where the order of stores and loads is argued). Reader: calls
 * sb_reader_quiescent between bursts, also when a burst is empty. Nothing is ever waited for.
 */
#ifndef SB_READERS_H
#define SB_READERS_H

#include "abi.h"

/* The full barrier keeps the next burst's loads behind the count: without it they could see what
 * was unlinked before a writer that already sees the new count. About 20 cycles per burst. */
static inline void sb_reader_quiescent(struct sb_reader *reader) {
    __atomic_fetch_add(&reader->quiescent, 1, __ATOMIC_SEQ_CST);
}

#endif
