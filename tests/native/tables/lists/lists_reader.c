/* lists_reader.c: a reader for tests/native/tables/lists/test_lists_concurrent.py that looks up without pause,
 * as a worker does. */
#include <stdint.h>

typedef uint32_t match_function(const void *lists, uint32_t lcore, const void *keys, uint32_t count,
                                uint32_t boot_ds, void *matches);

struct reader {
    match_function *match;
    const void *lists;
    const uint64_t (*keys)[2]; /* what must always be found ... */
    uint64_t count;            /* ... a multiple of 32 */
    uint64_t *quiescent;
    uint64_t stop;
    uint64_t rounds; /* out */
    uint64_t missed; /* out */
    uint64_t
        wrong; /* out: found on the other list than the one it is on, which is keys' index & 1 */
    uint32_t lcore;
};

void read_until_stopped(struct reader *reader) {
    struct {
        uint64_t *hits;
        uint32_t list, reserved;
    } matches[32];

    while (!__atomic_load_n(&reader->stop, __ATOMIC_ACQUIRE)) {
        for (uint64_t start = 0; start < reader->count; start += 32) {
            uint32_t found =
                reader->match(reader->lists, reader->lcore, reader->keys[start], 32, 1, matches);

            reader->missed += 32 - (uint64_t)__builtin_popcount(found);
            for (uint32_t i = 0; i < 32; i++)
                reader->wrong += (found >> i & 1) != 0 && matches[i].list != (i & 1);
            __atomic_fetch_add(reader->quiescent, 1, __ATOMIC_SEQ_CST);
        }
        __atomic_fetch_add(&reader->rounds, 1, __ATOMIC_RELEASE);
    }
}
