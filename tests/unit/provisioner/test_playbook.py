"""``scale.yml`` between provisioner and provider: run by ansible-runner, ended with all it has."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from api.orchestrator.scaling.provisioner import ProvisionerError
from appliance.provisioner.playbook import SCALE
from tests.unit.provisioner.conftest import TOKEN, Provisioned, await_end, collect, create

STARTED = """
    child = subprocess.Popen(["/bin/sleep", "1000"], start_new_session=True)
    say(progress=f"{os.getpid()} {child.pid}")
    time.sleep(1000)
"""


class GoneError(Exception):
    """Who asked gives up."""


def test_the_job_s_log_has_the_task_and_what_the_provider_says(provisioned: Provisioned) -> None:
    provisioner = provisioned.start(
        "say(progress='half'); say(result={'node': question['node']})", SCALE
    )
    heard: list[str] = []
    assert create(provisioner, collect(heard)) == {"node": "scale-1-1"}
    assert heard[-2:] == ["scale.yml: Run the provider command: create scale-1-1", "half"]


def test_what_the_provider_says_is_heard_while_it_works(provisioned: Provisioned) -> None:
    """It goes on when it has been heard."""
    heard_file = provisioned.directory / "heard"
    provisioner = provisioned.start(
        f"""
        say(progress='working')
        while not os.path.exists({str(heard_file)!r}):
            time.sleep(0.01)
        say(result={{}})
        """,
        SCALE,
    )

    def hear(progress: str | None) -> None:
        if progress == "working":
            heard_file.touch()

    assert create(provisioner, hear) == {}


def test_a_provider_gets_the_question_as_it_is_and_no_environment(provisioned: Provisioned) -> None:
    """What the orchestrator says is no template for Ansible."""
    provisioner = provisioned.start(
        "say(result={'question': question, 'names': [*os.environ], 'cwd': os.getcwd()})", SCALE
    )
    url = "http://{{lookup('pipe','touch${IFS}/tmp/x')}}/"
    found = create(provisioner, url=url)
    assert found["question"]["fleet"] == {"url": url, "token": TOKEN, "labels": {"site": "fra"}}
    assert {*found["names"]} <= {"PATH", "LANG", "HOME", "LC_CTYPE", "PWD", "SHLVL", "_"}
    assert found["cwd"] == str(provisioned.directory)


def test_the_token_is_on_no_command_line_and_in_no_file_that_others_can_read(
    provisioned: Provisioned,
) -> None:
    provisioner = provisioned.start(
        f"""
        import pathlib
        token = question["fleet"]["token"].encode()
        def has_it(path):
            try:
                return token in path.read_bytes()
            except OSError:
                return False
        lines = [str(p) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if has_it(p)]
        lines += [str(p) for p in pathlib.Path("/proc").glob("[0-9]*/environ") if has_it(p)]
        files = [p for p in pathlib.Path({str(provisioned.runs)!r}).rglob("*") if p.is_file()]
        held = [(p.name, oct(p.stat().st_mode & 0o777)) for p in files if has_it(p)]
        runs = pathlib.Path({str(provisioned.runs)!r}).glob("run-*")
        folders = [oct(p.stat().st_mode & 0o777) for p in runs]
        say(result={{"lines": lines, "held": held, "folders": folders}})
        """,
        SCALE,
    )
    found = create(provisioner)
    assert found == {"lines": [], "held": [["question.json", "0o600"]], "folders": ["0o700"]}
    assert [path.name for path in provisioned.runs.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("say(error='no addresses are left'); sys.exit(1)", "no addresses are left"),
        ("print('hello', flush=True)", "no JSON"),
        ("pass", "without a result"),
        ("sys.exit(3)", "task 'Run the provider command: create scale-1-1' failed"),
        ("say(result={}); sys.exit(3)", "task 'Run the provider command: create scale-1-1' failed"),
    ],
)
def test_what_fails_is_told_in_the_provider_s_words_or_ansible_s(
    provisioned: Provisioned, script: str, why: str
) -> None:
    with pytest.raises(ProvisionerError) as raised:
        create(provisioned.start(script, SCALE))
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- hosts: nobody\n  tasks: []\n", "has processed no host"),
        ("- hosts: localhost\n  roles: [{role: none-such}]\n", "none-such"),
        ("nonsense", "can't be run"),
    ],
)
def test_a_playbook_that_does_nothing_has_failed(
    provisioned: Provisioned, text: str, why: str
) -> None:
    playbook = provisioned.directory / "own.yml"
    playbook.write_text(text)
    with pytest.raises(ProvisionerError) as raised:
        create(provisioned.start("say(result={})", playbook))
    assert why in str(raised.value)


def test_a_playbook_of_one_s_own_adds_to_the_role(provisioned: Provisioned) -> None:
    playbook = provisioned.directory / "own.yml"
    mark = provisioned.directory / "mark"
    after = {
        "name": "Tell the load balancer",
        "ansible.builtin.copy": {"content": "{{ secbeat_scale_node }}", "dest": str(mark)},
    }
    play = {"hosts": "localhost", "gather_facts": False, "roles": ["scale"], "post_tasks": [after]}
    playbook.write_text(json.dumps([play]))
    heard: list[str] = []
    create(provisioned.start("say(result={})", playbook), collect(heard))
    assert heard[-1] == "own.yml: Tell the load balancer"
    assert mark.read_text() == "scale-1-1"


def test_who_gives_up_ends_all_that_the_playbook_has_started(provisioned: Provisioned) -> None:
    """Sessions of their own, Ansible's and the provider's, do not save a process."""
    provisioner = provisioned.start(STARTED, SCALE)
    pids: list[int] = []

    def hear(progress: str | None) -> None:
        words = (progress or "").split()
        if words and all(word.isdigit() for word in words):
            pids.extend(map(int, words))
            raise GoneError

    with pytest.raises(GoneError):
        create(provisioner, hear)
    assert [await_end(pid) for pid in pids] == [True, True]
    (provisioned.directory / "provider.py").write_text("print('{\"result\": {}}')")
    assert create(provisioner) == {}  # which waits for the run before
    assert [path.name for path in provisioned.runs.iterdir()] == ["lock"]


def test_a_node_s_processes_outlive_the_playbook_that_has_made_it(provisioned: Provisioned) -> None:
    provisioner = provisioned.start(
        """
        null = subprocess.DEVNULL
        child = subprocess.Popen(
            ["/bin/sleep", "1000"], start_new_session=True, stdin=null, stdout=null, stderr=null
        )
        say(result={"pid": child.pid})
        """,
        SCALE,
    )
    pid = create(provisioner)["pid"]
    assert Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"/bin/sleep")
    os.kill(pid, signal.SIGKILL)


def test_what_changes_nothing_needs_no_playbook(provisioned: Provisioned) -> None:
    provisioner = provisioned.start("say(result={'parent': os.getppid()})", Path("/none.yml"))
    assert provisioner.ask("capacity", {}, 60.0, lambda _line: None) == {"parent": os.getpid()}
