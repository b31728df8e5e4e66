"""Compiles databases for an upgraded engine, before the data plane is restarted.

``python -m dataplane.waf.compiling.rebuild DIRECTORY``, as the data plane's user:
``secbeat-rebuild.service``. A database loads into exactly the version of the engine that made it. A
running data plane continues with the old engine. A data plane that starts without databases for the
new engine forwards with pending rules, as ``fail`` of each profile says, until they are compiled: a
minute or more for 50,000. This program compiles them first, from the jobs in the cache, under the
limits of the compile helper. Rules that change meanwhile are compiled after the restart.
"""

from __future__ import annotations

import select
import shutil
import sys
from pathlib import Path

from dataplane.base.errors import SecBeatError
from dataplane.base.logs import Log
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.work import BUILD_LIMITS, Building
from dataplane.waf.exchange import job
from dataplane.waf.exchange.cache import MANIFEST, Cache, Cached, CachedTier, folder_name

_POLL_S = 1.0
_log = Log()


class RebuildError(SecBeatError):
    """A tier could not be compiled; the text names the limit or the cause."""


def rebuild(root: Path, engine: Engine) -> dict[str, CachedTier]:
    """Compile for this engine the tiers that are in force for another; returns the results by tier.

    Empty: there is nothing to do, or it was done already. SecBeatError, OSError.
    """
    source = _newest(root)
    if source is None or source.name == folder_name(engine.version):
        return {}
    old = Cache(root, source.name.removeprefix("hs-"))
    new = Cache(root, engine.version)
    there, cached, made = new.load(), old.load(), dict[str, CachedTier]()
    refused = set(there.refused | cached.refused)
    for name, tier in cached.tiers.items():
        if name in there.tiers and there.tiers[name].job == tier.job:
            made[name] = there.tiers[name]
            continue
        shutil.copyfile(job.path_of(old.directory, tier.job), job.path_of(new.directory, tier.job))
        made[name], slots = _built(engine, new.directory, name, tier.job)
        refused |= slots
        _log.info("rules rebuilt", tier=name, engine=engine.version)
    if _newest(root) == source:  # else a data plane was started with this engine
        new.store(Cached(made, frozenset(refused)))
    return made


def _newest(root: Path) -> Path | None:
    """The folder of the engine whose databases were in force last."""
    found = [path for path in root.glob(f"hs-*/{MANIFEST}") if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime).parent if found else None


def _built(
    engine: Engine, directory: Path, name: str, wanted: bytes
) -> tuple[CachedTier, frozenset[int]]:
    """Compile a tier's job in a limited child; also returns the slots that the engine
    has refused."""
    if name not in BUILD_LIMITS:
        raise RebuildError(f"there is no tier {name!r} of rules")
    building = Building(engine, directory, wanted, name)
    while (fd := building.start()) is not None:
        while not (select.select([fd], [], [], _POLL_S)[0] and building.hear()):
            building.check_time()
        building.take()
    answer = building.answer()
    if "failed" in answer:
        raise RebuildError(f"tier {name!r} of rules: {answer['failed']}")
    files = tuple((int(target), str(file)) for target, file, _ in answer["files"])
    return CachedTier(wanted, files), frozenset(int(slot) for slot, _ in answer["refused"])


def main(arguments: list[str]) -> int:
    """Returns 0, or the exit code of the error."""
    try:
        rebuild(Path(arguments[0]), Engine())
    except (SecBeatError, OSError) as exc:
        _log.error("rules not rebuilt", error=str(exc))
        return exc.exit_code if isinstance(exc, SecBeatError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
