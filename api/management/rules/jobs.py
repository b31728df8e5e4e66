"""Imports of rules: one at a time, in the background, with progress, all or nothing.

Testing 50,000 patterns takes minutes, so a request only reads the body and starts a job. Jobs are
kept in memory. A job that ends with the process before its commit has changed nothing; a committed
one is in the audit trail.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import structlog

from api.access.audit.service import Actor
from api.common.contract.errors import FieldError, NotFoundError, TooManyRequestsError
from api.common.disk import StorageError
from api.management.rules.admission import UNCHECKED, Admissions, explained
from api.rules.lines import Line
from api.rules.wanted import Wanted
from dataplane.base.errors import SecBeatError
from dataplane.client.compiler import Candidate

JOBS_KEPT = 16
"""Finished jobs that are kept."""
REFUSED_LISTED_MAX = 100
_GROUP = 100
"""Patterns that are tested between two updates of the progress."""
_RETRY_AFTER_S = 10
_STOP_S_MAX = 5.0
"""A group of patterns that is being tested may take longer; it ends with the process, without
effect."""

JobState = Literal["checking", "committing", "done", "failed"]
OnRefused = Literal["fail", "skip"]
log = structlog.get_logger(__name__)


@dataclass
class Job:
    """One import; its thread writes, requests read."""

    id: str
    actor: Actor
    lines: int
    on_refused: OnRefused
    created_ms: int
    state: JobState = "checking"
    checked: int = 0
    added: int = 0
    refused: int = 0
    refused_lines: list[tuple[int, str, str]] = field(default_factory=list)
    """Line, pattern and reason of the first hundred refused patterns."""
    warnings: list[str] = field(default_factory=list)
    revision: int | None = None
    error: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether the job has no result yet."""
        return self.state in {"checking", "committing"}


def _busy(job: Job) -> TooManyRequestsError:
    key, limit = job.actor.principal.name, "one import of rules at a time"
    message = f"the import of rules {job.id} by the key {key!r} is under way; at most one at a time"
    what = FieldError("key", key, limit, message)
    return TooManyRequestsError(message, errors=[what], retry_after_s=_RETRY_AFTER_S)


Commit = Callable[[Actor, Sequence[Wanted]], int]
"""Commits rules as one revision, all of them or none; returns its number."""


class ImportJobs:
    """The imports of one process."""

    def __init__(
        self,
        admissions: Admissions,
        commit: Commit,
        storage_failed: Callable[[StorageError], None],
    ) -> None:
        self._storage_failed = storage_failed
        self._admissions = admissions
        self._commit = commit
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def begin(self, actor: Actor, lines: Sequence[Line], on_refused: OnRefused, now_ms: int) -> Job:
        """Start an import. `TooManyRequestsError`: another is under way."""
        job = Job(uuid.uuid4().hex[:16], actor, len(lines), on_refused, now_ms)
        with self._lock:
            if running := [each for each in self._jobs.values() if each.is_running]:
                raise _busy(running[0])
            self._jobs[job.id] = job
            while len(self._jobs) > JOBS_KEPT:
                self._jobs.popitem(last=False)
            self._thread = threading.Thread(
                target=self._run, args=(job, lines), name="rules-import", daemon=True
            )
            self._thread.start()
        return job

    def get(self, job_id: str) -> Job:
        """Finds one of the newest jobs. Raises `NotFoundError`."""
        with self._lock:
            job = self._jobs.get(job_id)
        if job is None:
            raise NotFoundError(
                f"no import of rules {job_id!r} is known: the API has been started since, or "
                f"{JOBS_KEPT} others have ended since. If it was committed, the audit trail has "
                "it as rules.import; if not, it has changed nothing"
            )
        return job

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until no job is under way, at most so long."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def stop(self) -> None:
        """Abort the job under way unless it is being committed; idempotent."""
        self._stop.set()
        self.wait(_STOP_S_MAX)

    def _run(self, job: Job, lines: Sequence[Line]) -> None:
        try:
            self._work(job, lines)
        except StorageError as exc:
            self._storage_failed(exc)
            self._fail(job, str(exc))
        except SecBeatError as exc:
            self._fail(job, str(exc))
        except Exception:
            log.exception("import of rules failed", job=job.id)
            self._fail(job, "the import failed; the log has the details")

    def _work(self, job: Job, lines: Sequence[Line]) -> None:
        taken = self._check(job, lines)
        if self._stop.is_set():
            self._fail(job, "the API was stopped before anything was committed")
        elif job.refused and job.on_refused == "fail":
            self._fail(job, f"{job.refused} of {job.lines} patterns can't be rules")
        else:
            job.state = "committing"
            job.revision = self._commit(job.actor, taken) if taken else None
            job.added, job.state = len(taken), "done"

    def _check(self, job: Job, lines: Sequence[Line]) -> list[Wanted]:
        """Patterns that can be rules; while the helper is away, all of them."""
        taken: list[Wanted] = []
        for start in range(0, len(lines), _GROUP):
            if self._stop.is_set():
                break
            group = lines[start : start + _GROUP]
            taken += self._check_group(job, group)
            job.checked = start + len(group)
        return taken

    def _check_group(self, job: Job, group: Sequence[Line]) -> list[Wanted]:
        found = None
        if not job.warnings:
            found = self._admissions.ask(
                [Candidate(line.wanted.pattern, line.wanted.targets) for line in group]
            )
        if found is None:
            job.warnings = job.warnings or [UNCHECKED]
            return [line.wanted for line in group]
        taken = []
        for line, each in zip(group, found, strict=True):
            if each.is_admitted:
                taken.append(line.wanted)
                continue
            job.refused += 1
            if len(job.refused_lines) < REFUSED_LISTED_MAX:
                job.refused_lines.append((line.number, line.wanted.pattern, explained(each)))
        return taken

    @staticmethod
    def _fail(job: Job, why: str) -> None:
        job.error, job.state = why, "failed"
