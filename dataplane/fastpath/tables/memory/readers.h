/* readers.h: a reader signals that it holds no pointer into a shared table.
 *
 * Writer: unlinks memory, records every reader's counter, and reuses the memory once all counters
 * have changed (tables/memory/grace.h explains the order of stores and loads). Reader: calls
 * sb_reader_quiescent between bursts, also after an empty burst. Nobody waits.
 */
#ifndef SB_READERS_H
#define SB_READERS_H

#include "abi.h"

/* The full barrier keeps the next burst's loads behind the count. Without it they could read
 * unlinked memory although a writer already sees the new count. About 20 cycles per burst. */
static inline void sb_reader_quiescent(struct sb_reader *reader) {
    __atomic_fetch_add(&reader->quiescent, 1, __ATOMIC_SEQ_CST);
}

#endif
