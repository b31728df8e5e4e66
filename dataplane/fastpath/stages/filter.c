/* filter.c */
#include "pipeline.h"

void sb_filter_stage(struct sb_lcore *lcore, struct sb_burst *burst, const struct sb_time *now) {
    (void)lcore, (void)burst, (void)now;
}
