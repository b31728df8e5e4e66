"""The build of one tier: writes the job, has the helper compile it, maps and verifies the
databases.

A generator of the control loop: each step takes about a millisecond, and there is nothing to do
while the helper compiles. An error is stored in `Build.failure`, and the former tier stays.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dataplane.base.errors import SecBeatError
from dataplane.native import abi
from dataplane.tables.waf_table import WafImage, engine_version
from dataplane.waf.enforcing.tiers import TierName
from dataplane.waf.exchange import image
from dataplane.waf.exchange.cache import CachedTier
from dataplane.waf.exchange.image import CHUNK_BYTES, ImageError, ImageHeader
from dataplane.waf.exchange.job import JobWriter, Member

WAITING = True
"""Yielded while the build only waits."""


class Tier:
    """A tier of databases, with the slots and the job that it was built from."""

    def __init__(
        self,
        cached: CachedTier,
        slots: frozenset[int],
        images: list[tuple[abi.WafClass, WafImage]],
        refused: frozenset[int] = frozenset(),
    ) -> None:
        self.cached = cached
        self.slots = slots
        self.images = images
        self.refused = refused
        """Slots of its job that the engine has refused."""

    def close(self) -> None:
        """Free the databases, which no worker reads any more. May be called again."""
        for _, one in self.images:
            one.close()


class Build:
    """Builds one tier. Call `step` until it returns that it is over, then use `tier` or
    `failure`."""

    def __init__(self, name: TierName, slots: frozenset[int]) -> None:
        self.name = name
        self.slots = slots
        self.tier: Tier | None = None
        self.begun = time.monotonic()
        self.seconds = 0.0
        """Duration of the build."""
        self.cost_ns = 0
        """Cost of a request of the sample traffic, in the most expensive of its databases."""
        self.peak_mib = 0
        """Memory that the compilation used."""
        self.failure: str | None = None
        self.lacks_memory = False
        self.refused: dict[int, str] = {}
        """Slots whose patterns the engine refused."""
        self.job = b""
        self.answer: dict[str, Any] | None = None
        """The helper's answer; set by the code that receives it."""

    def run(
        self,
        library: ctypes.CDLL,
        directory: Path,
        members: Iterable[Member],
        ask: Callable[[dict[str, Any]], bool],
    ) -> Iterator[bool | None]:
        """Steps; `ask` sends a request to the helper, False: the helper is away."""
        try:
            writer = JobWriter(directory)
            yield from writer.write(members, len(self.slots))
            self.job = writer.name
            if not ask({"build": self.job.hex(), "tier": self.name}):
                self.failure = "no compile helper answers"
                return
            while self.answer is None:
                yield WAITING
            yield from self._take(library, directory, self.answer)
        except (OSError, SecBeatError, ValueError, TypeError, LookupError) as exc:
            self.failure = str(exc) or type(exc).__name__
        self.seconds = time.monotonic() - self.begun

    def _take(
        self, library: ctypes.CDLL, directory: Path, answer: dict[str, Any]
    ) -> Iterator[None]:
        if "files" not in answer:
            self.failure = str(answer.get("failed") or answer.get("refused"))
            self.lacks_memory = bool(answer.get("memory"))
            return
        self.cost_ns = int(answer.get("cost_ns", 0))
        self.peak_mib = int(answer.get("peak_mib", 0))
        self.refused = {int(slot): str(text) for slot, text in answer["refused"]}
        files = tuple((int(target), str(file)) for target, file, _ in answer["files"])
        cached = CachedTier(self.job, files)
        loading = Loading(library, directory, cached)
        yield from loading.run()
        refused = self.slots & self.refused.keys()
        self.tier = Tier(cached, self.slots - refused, loading.images, refused)


class Loading:
    """Maps the databases of a tier, in steps."""

    def __init__(self, library: ctypes.CDLL, directory: Path, cached: CachedTier) -> None:
        self.images: list[tuple[abi.WafClass, WafImage]] = []
        self._library = library
        self._directory = directory
        self._cached = cached

    def run(self) -> Iterator[None]:
        """Fill `images`; ImageError, OSError, NativeError: there are none."""
        with ExitStack() as opened:
            for target, name in self._cached.files:
                found = yield from self._load(abi.WafClass(target), self._directory / name)
                opened.callback(found.close)
                self.images.append((abi.WafClass(target), found))
            opened.pop_all()

    def _load(self, target: abi.WafClass, path: Path) -> Generator[None, None, WafImage]:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            header = image.read_header(fd)
            _require(header, self._cached.job, target, engine_version(self._library))
            made = WafImage(self._library, header.size)
            try:
                yield from image.read_into(fd, header, _chunks(made))
                made.seal()
            except BaseException:
                made.close()
                raise
            return made
        finally:
            os.close(fd)


def _require(header: ImageHeader, job: bytes, target: abi.WafClass, engine: str) -> None:
    if (header.job, header.target) != (job, target):
        raise ImageError("a database of another job, or for another class of target")
    if header.engine != engine:
        raise ImageError(f"a database of engine {header.engine}; this process scans with {engine}")


def _chunks(made: WafImage) -> Iterator[memoryview]:
    for offset in range(0, made.size, CHUNK_BYTES):
        part = made.part(offset, min(CHUNK_BYTES, made.size - offset))
        yield memoryview(part)
