#!/usr/bin/env bash
# limits 5.8.0, MemoryStorage and the moving window: a subject is never forgotten, and the clock of the host rules.
#
# A good guess: what is older than the window goes, so memory is bounded by the traffic of a window; and a limit in memory
# counts on a clock that nobody sets. Seen: entries go, but an empty list for every subject that ever came stays; and where
# the host's clock is set back by an hour, a subject that was at its limit is refused for that hour. SecBeat therefore keeps its
# own limits (api/common/contract/limits.py, docs/adr/0015-own-layer-for-apis.md).
#
# Runs without SecBeat, in a temporary folder, for a few seconds. Exits with 1 when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
/usr/bin/python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check limits==5.8.0
"$folder/venv/bin/python" - <<'END'
import sys
import time
import types

import limits.storage.memory as memory
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import MovingWindowRateLimiter

storage = memory.MemoryStorage()
limiter = MovingWindowRateLimiter(storage)
for number in range(10_000):
    limiter.hit(RateLimitItemPerSecond(5), f"source {number}")
time.sleep(1.5)
limiter.hit(RateLimitItemPerSecond(5), "one more")
for _ in range(100):
    time.sleep(0.1)
    if sum(map(bool, storage.events.values())) <= 1:
        break
held, used = len(storage.events), sum(map(bool, storage.events.values()))
print(f"10,001 sources, windows of a second: {held} are held, {used} of them with entries")

limiter = MovingWindowRateLimiter(memory.MemoryStorage())
for _ in range(5):
    limiter.hit(RateLimitItemPerMinute(5), "a key")
real = time.time
memory.time = types.SimpleNamespace(time=lambda: real() - 3600 + 120)
later = limiter.hit(RateLimitItemPerMinute(5), "a key")
print(f"two minutes after the fifth of five a minute, clock set back by an hour: admitted: {later}")
sys.exit(not (held > 10_000 and not later))
END
