"""`secbeat host`: root, --dry-run, --json, exit codes; what it does is in tests/unit/host."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.cli.commands.host import VERBS
from appliance.cli.main import main
from tests.support.fakes.fake_host import NIC, OTHER_NIC, FakeHost
from tests.support.fakes.fake_kernel import DRIVERS, FakeKernel, FakeTools
from tests.unit.cli.conftest import Done

Host = Callable[..., Done]
PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


@pytest.fixture
def kernel(tmp_path: Path) -> FakeKernel:
    """Two NICs of the kernel's, no hugepage, an unfinished first boot."""
    fake = FakeHost(tmp_path / "root")
    fake.healthy()
    for number, address in enumerate((NIC, OTHER_NIC)):
        fake.add_nic(address, "ixgbe")
        fake.add_interface_of(address, f"eth{number}", f"52:54:00:00:01:0{number}")
    fake.write(f"{DRIVERS}/vfio-pci/module")
    fake.write("/etc/passwd", "secbeat-dp:x:995:994::/:/bin/false\n")
    fake.write(PAGES, "0\n")
    fake.write(PAGES.replace("nr_", "free_"), "0\n")
    return FakeKernel(fake.root)


@pytest.fixture
def tools() -> FakeTools:
    return FakeTools()


@pytest.fixture
def host(
    kernel: FakeKernel,
    tools: FakeTools,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Host]:
    """Runs `secbeat host` on the fake host, as root unless told otherwise."""
    config = tmp_path / "secbeat.toml"
    config.write_text(
        '[management]\nnic = "eth9"\n[ports.outside]\ndevice = "nic:0"\n'
        '[ports.inside]\ndevice = "nic:1"\n'
    )
    monkeypatch.setattr("appliance.cli.commands.host.Host", lambda: kernel)
    monkeypatch.setattr("appliance.commands.run", tools)

    def call(verb: str, *options: str, uid: int = 0) -> Done:
        monkeypatch.setattr("os.geteuid", lambda: uid)
        if verb not in ("firstboot", "console"):
            options = ("--config", str(config), *options)
        with pytest.raises(SystemExit) as caught:
            main(["host", verb, *options])
        captured = capsys.readouterr()
        code = caught.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.mark.parametrize("verb", ["prepare", "network", "nics", "firstboot", "console"])
def test_what_changes_the_host_needs_root(
    host: Host, kernel: FakeKernel, tools: FakeTools, verb: str
) -> None:
    done = host(verb, uid=1000)
    assert (done.code, done.out) == (1, "")
    assert done.err == "secbeat: this changes the host and needs root: run it with sudo\n"
    assert (kernel.told, tools.ran) == ([], [])


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("prepare", "32 hugepages of 2 MiB"),
        ("network", "has eth9 configured by DHCP"),
        ("nics", f"bind {NIC} (8086:10fb) to vfio-pci, from ixgbe"),
        ("console", "NOT FORWARDING"),
    ],
)
def test_anybody_may_ask_what_would_be_done(
    host: Host, kernel: FakeKernel, verb: str, says: str
) -> None:
    before = sorted(kernel.root.rglob("*"))
    done = host(verb, "--dry-run", uid=1000)
    assert done.code == 0
    assert says in done.out
    assert (kernel.told, sorted(kernel.root.rglob("*"))) == ([], before)


def test_steps_are_told_and_then_there_is_nothing_to_do(host: Host) -> None:
    assert "has eth9 configured by DHCP" in host("network").out
    assert host("network").out == "nothing to do\n"
    assert host("network", "--json").json == {"steps": []}


def test_prepare_says_how_the_cpus_are_shared_out(host: Host, tools: FakeTools) -> None:
    done = host("prepare")
    assert done.out.splitlines()[0] == "CPU 3 is the workers' alone, 0-2 everybody else's"
    assert len(host("prepare", "--json").json["steps"]) == 3


def test_nics_shows_what_it_found(host: Host, kernel: FakeKernel) -> None:
    document = host("nics", "--json").json
    assert document["outside"]["address"] == NIC
    assert len(document["steps"]) == 2
    written = json.loads(kernel.text("/run/secbeat-nics/ports.json") or "")
    assert {**written, "steps": document["steps"]} == document
    lines = host("nics").out.splitlines()
    assert lines[1].split("\t")[:3] == ["outside", "nic:0", NIC]


def test_nics_are_given_back(host: Host, kernel: FakeKernel) -> None:
    host("nics")
    kernel.path(f"{DRIVERS}/ixgbe").mkdir()
    assert host("nics", "--release", "--json").json == {"released": [NIC, OTHER_NIC]}
    assert host("nics", "--release").out == "nothing to do\n"


def test_what_does_not_suit_is_one_line_and_exit_code_1(host: Host, kernel: FakeKernel) -> None:
    FakeHost(kernel.root).remove_nic(OTHER_NIC)
    done = host("nics")
    assert (done.code, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith('secbeat: ports.inside.device = "nic:1": there is no such Ethernet NIC')


def test_the_first_boot_tells_what_it_did(host: Host, kernel: FakeKernel, tools: FakeTools) -> None:
    tools.fails.add("openssl")
    done = host("firstboot")
    assert done.code == 1
    assert done.err.startswith("secbeat: certificate in /etc/secbeat/tls/tls.crt: 'openssl req")
    FakeHost(kernel.root).write("/etc/secbeat/tls/tls.crt", "theirs")
    FakeHost(kernel.root).write("/etc/secbeat/tls/tls.key", "theirs")
    assert host("firstboot", "--json").json == {"done": []}
    assert kernel.exists("/var/lib/secbeat/node-id")


def test_the_console_message_is_written_when_it_changes(host: Host, kernel: FakeKernel) -> None:
    file = kernel.path("/run/issue.d/50-secbeat.issue")
    shown = host("console").out
    assert file.read_text() == shown
    before = file.stat().st_ino
    host("console", "--json")
    assert file.stat().st_ino == before
    FakeHost(kernel.root).write("/var/lib/secbeat/node-id", "another\n")
    host("console")
    assert "node another" in file.read_text()


@pytest.mark.parametrize("words", [[], ["nonsense"], ["nics", "--image"], ["console", "x"]])
def test_a_wrong_command_line_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["host", *words])
    assert caught.value.code == 2
    assert "usage: secbeat host" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["host", "--help"])
    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert [verb for verb in VERBS if verb not in shown] == []
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "host" in capsys.readouterr().out


def test_the_console_needs_neither_typer_nor_pydantic() -> None:
    code = (
        "import sys; from appliance.cli.commands import host; host.run(['console', '--dry-run']); "
        "print(sorted({'typer', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
