/* alternate.c: for tests in which the control loop changes a word while a burst is under way. */
#include <stdint.h>

struct alternation {
    uint32_t *word;
    uint32_t value[2]; /* stored in turns ... */
    uint32_t stop;     /* ... until this is not 0 */
};

void alternate(struct alternation *alternation) {
    for (uint32_t i = 0; !__atomic_load_n(&alternation->stop, __ATOMIC_ACQUIRE); i ^= 1)
        __atomic_store_n(alternation->word, alternation->value[i], __ATOMIC_RELEASE);
}
