/* worker.h: the packet loop of one lcore. */
#ifndef SB_WORKER_H
#define SB_WORKER_H

/* Receives, judges and forwards packets until node->stop is set, then handles the remaining ones
 * and returns 0. lcore: struct sb_lcore *, complete, in memory that outlives the call. The
 * signature is that of rte_eal_remote_launch. */
int sb_worker_main(void *lcore);

#endif
