/* abi.h: everything that C and Python share, declared once.
 *
 * The declarations stand in abi/, by subject; they include only stdint and each other. A probe
 * object compiled from them with -g is read by pyelftools; the generator writes
 * dataplane/native/abi.py, in the order of the includes below, and the layout hash that both sides
 * compare at load. Change a line, run `make abi`.
 *
 * Addresses are 16 bytes in network order; IPv4 is mapped (::ffff:a.b.c.d), so prefix lengths run
 * from 0 to 128 in one space and an IPv4 /24 is 120. Times: boot_ds is CLOCK_BOOTTIME in tenths of
 * a second, boot_ms in milliseconds.
 */
#ifndef SB_ABI_H
#define SB_ABI_H

/* clang-format off */
#include "abi/constants.h"
#include "abi/packet.h"
#include "abi/policy.h"
#include "abi/traffic.h"
#include "abi/detection.h"
#include "abi/inspection.h"
#include "abi/node_state.h"
#include "abi/statistics.h"
#include "abi/rings.h"
#include "abi/explain.h"
#include "abi/records.h"
#include "abi/worker.h"
/* clang-format on */

#endif
