"""One run of a playbook by ansible-runner, and its result.

The playbook gets the question as a file: the question is in no variable, so Ansible never
interprets it as a template; it is on no command line, and in no result. Two properties of
ansible-runner 2.4 and ansible-core 2.19 need care: a run that has processed no host reports
success, and SIGTERM is ignored endlessly unless a callback for cancelling is given.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
from ansible_runner.exceptions import AnsibleRunnerException
from pexpect.exceptions import ExceptionPexpect

from dataplane.base.errors import SecBeatError

_OUTPUT_CHARS_MAX = 400
_OUTSIDE_CHARS_MAX = 4000
_LOCAL = f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n"
_QUIET = {
    f"ansible.builtin.{name}" for name in ("assert", "include_tasks", "validate_argument_spec")
}
"""Actions that do nothing of interest."""
_OUTSIDE_TASKS = {"verbose", "error", "warning", "system_warning"}


class PlaybookError(SecBeatError):
    """The playbook failed, or has done nothing."""


@dataclass(frozen=True)
class Playbook:
    """The input of a run: the file, additional roles, the provider and its directory."""

    file: Path
    roles: Path
    provider: tuple[str, ...]
    directory: Path

    def variables(self) -> dict[str, Any]:
        """Variables with which the playbook runs the provider."""
        return {
            "secbeat_scale_provider": list(self.provider),
            "secbeat_scale_directory": str(self.directory),
        }


@dataclass
class Told:
    """The information from the events of a run."""

    say: Callable[[str], None]
    playbook: str
    failure: str | None = None
    outside: str = ""
    """Ansible's messages outside of tasks, for example about an error in the playbook; the last
    ones."""
    hosts_done: set[str] = field(default_factory=set)

    def hear(self, event: dict[str, Any]) -> bool:
        """Always False: no event is stored in a file."""
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind == "playbook_on_task_start" and data.get("task_action") not in _QUIET:
            self.say(f"{self.playbook}: {data.get('task')}")
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            self.failure = f"task {data.get('task')!r} failed: {_message(data.get('res') or {})}"
        elif kind == "runner_on_unreachable":
            self.failure = f"host {data.get('host')!r} is unreachable"
        elif kind == "playbook_on_stats":
            self.hosts_done = {*data.get("ok", {}), *data.get("changed", {})}
        elif kind in _OUTSIDE_TASKS and (text := str(event.get("stdout", "")).strip()):
            self.outside = f"{self.outside} {text}"[-_OUTSIDE_CHARS_MAX:]
        for stream in _streams(data):
            print(stream, file=sys.stderr, flush=True)
        return False


def run(
    playbook: Playbook,
    folder: Path,
    variables: dict[str, Any],
    say: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> None:
    """Run it in a new empty folder; raises `PlaybookError`."""
    inventory = folder / "hosts"
    inventory.write_text(_LOCAL)
    told = Told(say, playbook.file.name)
    try:
        done = ansible_runner.run(
            private_data_dir=str(folder),
            playbook=str(playbook.file),
            inventory=str(inventory),
            extravars=playbook.variables() | variables,
            envvars=_environment(playbook, folder),
            settings={"pexpect_timeout": 1},
            quiet=True,
            event_handler=told.hear,
            cancel_callback=is_cancelled,
        )
    except (AnsibleRunnerException, ExceptionPexpect) as error:
        raise PlaybookError(f"playbook {playbook.file}: ansible-runner: {error}") from error
    if done.status != "successful":
        raise PlaybookError(told.failure or _last_words(playbook, told, done.rc))
    if not told.hosts_done:
        raise PlaybookError(f"playbook {playbook.file} has processed no host")


def _environment(playbook: Playbook, folder: Path) -> dict[str, str]:
    """Programs beside this Python; no Ansible settings of a user's home."""
    path = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
    found = {
        "PATH": path,
        "HOME": str(folder),
        "ANSIBLE_ROLES_PATH": str(playbook.roles),
        "ANSIBLE_NOCOLOR": "1",
    }
    configuration = playbook.file.with_name("ansible.cfg")
    return found | ({"ANSIBLE_CONFIG": str(configuration)} if configuration.exists() else {})


def _message(result: dict[str, Any]) -> str:
    code = f" {result['rc']}" if "rc" in result else ""
    text = str(result.get("msg") or "no message")
    return " ".join(text.split())[:_OUTPUT_CHARS_MAX] + code


def _last_words(playbook: Playbook, told: Told, code: int) -> str:
    words = " ".join(told.outside[max(0, told.outside.find("ERROR")) :].split())
    words = words[:_OUTPUT_CHARS_MAX] or f"exit code {code}"
    return f"playbook {playbook.file} can't be run: {words}"


def _streams(data: dict[str, Any]) -> list[str]:
    """Standard error of the commands, for the provisioner's log."""
    result = data.get("res")
    text = str(result.get("stderr") or "").strip() if isinstance(result, dict) else ""
    return [text] if text else []
