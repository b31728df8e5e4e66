"""The provisioner runs four verbs of a configured command, and is bounded in all it does."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from api.common.contract.errors import UnavailableError
from api.orchestrator.scaling.provisioner import ProvisionerError, SocketProvisioner, ignore
from tests.unit.provisioner.conftest import (
    ANSWER_S,
    Provisioned,
    await_end,
    collect,
    create,
)

TERMS_S = (5.0, 20.0, 45.0)
"""The first is enough for a provider to begin, unless the machine stalls."""


def test_progress_is_passed_on_and_the_result_is_the_answer(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(progress='half'); say(result={'node': question['node']})")
    heard: list[str] = []
    assert create(provisioner, collect(heard)) == {"node": "scale-1-1"}
    assert heard == ["half"]


def test_a_list_may_be_long(provisioned: Provisioned) -> None:
    script = "say(result={'nodes': [f'scale-0011aabb-{n}' for n in range(10_000)]})"
    result = provisioned.start(script).ask("list", {}, 60, ignore)
    assert len(result["nodes"]) == 10_000


def test_what_is_not_printable_is_not_passed_on(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(progress='a\\x00b\\x1b[1m\\ud800'); say(result={})")
    heard: list[str] = []
    create(provisioner, collect(heard))
    assert heard == ["a\ufffdb\ufffd[1m\ufffd"]


def test_a_provider_reads_the_question_and_nothing_of_the_environment(
    provisioned: Provisioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "secret")
    provisioner = provisioned.start("say(result={'question': question, 'names': [*os.environ]})")
    result = create(provisioner)
    assert result["question"] == {
        "protocol": 1,
        "verb": "create",
        "node": "scale-1-1",
        "fleet": {
            "url": "http://127.0.0.1:3030",
            "token": "t" * 43,
            "labels": {"site": "fra"},
        },
    }
    assert {*result["names"]} <= {"PATH", "LANG", "HOME", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("say(error='no addresses are left')", "no addresses are left"),
        ("print('hello')", "no JSON"),
        ("say(result=1)", "alone"),
        ("say(result={}, error='both')", "alone"),
        ("say(progress='x' * 300_000)", "in a line"),
        ("print('x' * 300_000, end='', flush=True)", "in a line"),
        ("while True: say(progress='again')", "prints more than"),
        ("say(result={}); say(progress='more')", "goes on after its answer"),
        ("say(result={}); sys.exit(3)", "exit code 3 after its result"),
        ("sys.exit(0)", "exit code 0 without a result"),
        ("os.kill(os.getpid(), 9)", "exit code -9 without a result"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_why(
    provisioned: Provisioned, script: str, why: str
) -> None:
    provisioner = provisioned.start(script)
    with pytest.raises(ProvisionerError) as raised:
        create(provisioner)
    assert why in str(raised.value)


def test_a_provider_that_takes_too_long_is_killed_with_all_that_it_has_started(
    provisioned: Provisioned,
) -> None:
    heard: list[str] = []
    for timeout_s in TERMS_S:
        provisioned.timeout_s = timeout_s
        provisioner = provisioned.start(
            """
            child = subprocess.Popen(["/bin/sleep", "1000"])
            say(progress=str(child.pid))
            time.sleep(1000)
            """
        )
        with pytest.raises(ProvisionerError, match=f"did not end within {timeout_s:.0f} s"):
            create(provisioner, collect(heard))
        if heard:
            break
        provisioned.close()
    assert await_end(int(heard[0]))


def test_who_gives_up_ends_the_provider(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(progress=str(os.getpid())); time.sleep(1000)")
    heard: list[str] = []

    def hear(progress: str | None) -> None:
        if progress is not None:
            heard.append(progress)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        create(provisioner, hear)
    assert await_end(int(heard[0]))


def test_the_end_of_the_provisioner_ends_the_provider(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(progress=str(os.getpid())); time.sleep(1000)")
    heard: list[str] = []

    def hear(progress: str | None) -> None:
        if progress is not None:
            heard.append(progress)
            provisioned.close()

    with pytest.raises(ProvisionerError):
        create(provisioner, hear)
    assert await_end(int(heard[0]))


def test_another_user_is_refused(provisioned: Provisioned) -> None:
    provisioned.users = {os.geteuid() + 1}
    mark = provisioned.directory / "ran"
    provisioner = provisioned.start(f"open({str(mark)!r}, 'w').close(); say(result={{}})")
    with pytest.raises((ProvisionerError, UnavailableError)):
        provisioner.ask("list", {}, ANSWER_S, ignore)
    assert not mark.exists()


def test_only_the_owner_and_the_group_reach_the_socket(provisioned: Provisioned) -> None:
    provisioned.start("say(result={})")
    assert stat.S_IMODE(provisioned.path.stat().st_mode) == 0o660


@pytest.mark.parametrize(
    "question",
    [
        {"verb": "run", "provider": "fake"},
        {"verb": "list", "provider": "other"},
        {"verb": "list", "provider": "/bin/sh"},
        {"verb": "list", "provider": "fake", "node": "scale-1-1"},
        {"verb": "list", "provider": "fake", "command": ["/bin/sh"]},
        {"verb": "destroy", "provider": "fake"},
        {"verb": "destroy", "provider": "fake", "node": "../etc"},
        {"verb": "destroy", "provider": "fake", "node": "-rf"},
        {"verb": "destroy", "provider": "fake", "node": "a" * 25},
        {"verb": "create", "provider": "fake", "node": "scale-1-1"},
        ["list"],
        "list",
    ],
)
def test_what_may_not_be_asked_runs_nothing(provisioned: Provisioned, question: object) -> None:
    mark = provisioned.directory / "ran"
    provisioned.start(f"open({str(mark)!r}, 'w').close(); say(result={{}})")
    answer = json.loads(provisioned.ask_raw(json.dumps(question).encode() + b"\n"))
    assert set(answer) == {"error"}
    assert not mark.exists()


def test_a_command_that_is_not_there_is_an_error(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(result={})")
    (provisioned.directory / "provider.py").unlink()
    with pytest.raises(ProvisionerError, match="without a result"):
        provisioner.ask("capacity", {}, ANSWER_S, ignore)


def test_without_a_provisioner_the_asker_is_told_where_it_looked(tmp_path: Path) -> None:
    provisioner = SocketProvisioner(tmp_path / "none.sock", "fake")
    with pytest.raises(UnavailableError, match=r"none\.sock"):
        provisioner.ask("list", {}, ANSWER_S, ignore)
