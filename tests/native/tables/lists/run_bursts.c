/* run_bursts.c: for tests in which several lcores run the pipeline at the same time. */
#include <stdint.h>

typedef void pipeline_function(void *lcore, void *burst, const void *now);

void run_bursts(pipeline_function *run, void *lcore, void *burst, const void *now, uint32_t count) {
    while (count-- > 0)
        run(lcore, burst, now);
}
