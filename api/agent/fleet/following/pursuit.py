"""Applies each part of the orchestrator's desired state, and remembers the progress."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from api.agent.fleet.following.part import MESSAGE_LENGTH_MAX, Applied, Desired, Part
from api.agent.fleet.following.state import Progress
from api.agent.node_api import RequestError

CHECK_S = 10.0
"""Interval of `Part.check`."""
BACKOFF_MIN_S, BACKOFF_MAX_S = 1.0, 30.0
JITTER = 0.2

log = structlog.get_logger("agent.fleet")


@dataclass
class _Runner:
    """The state of one part that is not stored."""

    part: Part
    progress: Progress
    due_s: float = 0.0
    backoff_s: float = BACKOFF_MIN_S
    check_s: float = 0.0


class Pursuit:
    """Used by the follower's thread; `applied` is safe for all threads."""

    def __init__(self, parts: Sequence[Part], kept: Mapping[str, Progress]) -> None:
        """
        Args:
            parts: in the order in which they are applied.
            kept: how far an earlier process came, by name.
        """
        self._runners = [_Runner(part, kept.get(part.name, Progress())) for part in parts]
        self.listeners: list[Callable[[], None]] = []
        """Called when the result of a part has changed."""

    def applied(self) -> dict[str, Applied]:
        """The result of each part, by name, for heartbeats."""
        said = {each.part.name: each.progress.said for each in self._runners}
        return {name: one for name, one in said.items() if one is not None}

    def progress(self) -> dict[str, Progress]:
        """The progress to be stored."""
        return {each.part.name: each.progress for each in self._runners}

    def turn(self, desired: Desired, now_s: float) -> None:
        """Apply and check the parts that are due."""
        for runner in self._runners:
            wanted = runner.part.wanted(desired)
            if now_s >= runner.check_s:
                self._check(runner, now_s)
            if wanted is None:
                continue
            asked = desired.epoch, wanted
            said = runner.progress.said
            if asked != runner.progress.asked:
                runner.backoff_s = BACKOFF_MIN_S
                self._apply(runner, asked, now_s)
            elif (said is None or said.state == "pending") and now_s >= runner.due_s:
                self._apply(runner, asked, now_s)

    def leave(self) -> None:
        """The node was deleted from the fleet. Raises RequestError: call again."""
        for runner in self._runners:
            runner.part.leave()
            runner.progress = Progress()
        self._changed()

    def _apply(self, runner: _Runner, asked: tuple[str, int], now_s: float) -> None:
        try:
            said = runner.part.apply(*asked, runner.progress.before)
        except RequestError as error:
            said = Applied(*asked, "pending", str(error))
        except Exception as error:
            log.exception("a part failed", part=runner.part.name)
            said = Applied(*asked, "pending", repr(error))
        if said.message is not None and len(said.message) > MESSAGE_LENGTH_MAX:
            said = replace(said, message=said.message[:MESSAGE_LENGTH_MAX])
        if said.state == "pending":
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret
            runner.due_s = now_s + runner.backoff_s * spread
            runner.backoff_s = min(2 * runner.backoff_s, BACKOFF_MAX_S)
        else:
            runner.backoff_s = BACKOFF_MIN_S
        before = said if said.state == "applied" else runner.progress.before
        self._set(runner, Progress(before, said, asked))

    def _check(self, runner: _Runner, now_s: float) -> None:
        said = runner.progress.said
        if said is None or said.state == "pending":
            return
        runner.check_s = now_s + CHECK_S
        try:
            found = runner.part.check(said)
        except RequestError:
            return  # not known now
        except Exception:
            log.exception("a part can't be checked", part=runner.part.name)
            return
        if found is None:
            log.info("lost", part=runner.part.name, number=said.number)
            self._set(runner, Progress())
        elif found != said:
            self._set(runner, replace(runner.progress, said=found))

    def _changed(self) -> None:
        for listener in self.listeners:
            listener()

    def _set(self, runner: _Runner, progress: Progress) -> None:
        is_new = progress.said != runner.progress.said
        runner.progress = progress
        if is_new:
            if progress.said is not None:
                said = progress.said
                log.info(
                    "followed",
                    part=runner.part.name,
                    number=said.number,
                    state=said.state,
                    why=said.message,
                )
            self._changed()
