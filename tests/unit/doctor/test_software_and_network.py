"""Kernel, DPDK, libsecbeat, packages, users, TCP ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.doctor import Context, Status, examine
from appliance.doctor.checks.software import locked_versions
from appliance.host.files import Host
from dataplane.base.errors import ConfigurationError
from tests.support.fakes.fake_host import FakeHost
from tests.unit.doctor.conftest import PINNED, Examine

API = "api 127.0.0.1:9999"


@pytest.mark.parametrize(
    ("release", "status"),
    [
        ("6.12.1-amd64", Status.OK),
        ("5.10.0", Status.OK),
        ("5.9.9", Status.FAIL),
        ("4.19.0-27-amd64", Status.FAIL),
        ("strange", Status.FAIL),
    ],
)
def test_the_kernel_must_be_new_enough(fake: FakeHost, release: str, status: Status) -> None:
    context = Context(host=Host(fake.root), kernel_release=lambda: release)
    found = {finding.check: finding for finding in examine(context)}
    assert found["kernel"].status is status


def test_the_dpdk_release_is_named(fake: FakeHost, findings: Examine) -> None:
    assert findings()["dpdk"].what == "22.11.9 (ABI 23)"
    fake.remove("/usr/lib/x86_64-linux-gnu/pkgconfig/libdpdk.pc")
    assert findings()["dpdk"].what == "22.11 (ABI 23)"
    fake.write("/usr/lib/x86_64-linux-gnu/librte_eal.so.25")
    assert findings()["dpdk"].what == "24.11 (ABI 25)"
    fake.write("/usr/lib/x86_64-linux-gnu/librte_eal.so.99")
    assert findings()["dpdk"].status is Status.WARN
    for number in (23, 25, 99):
        fake.remove(f"/usr/lib/x86_64-linux-gnu/librte_eal.so.{number}")
    assert findings()["dpdk"].status is Status.FAIL


def test_a_library_that_does_not_load_is_explained(fake: FakeHost) -> None:
    def load() -> None:
        raise ConfigurationError("it was built from other headers")

    found = examine(Context(host=Host(fake.root), load_library=load))
    (library,) = (finding for finding in found if finding.check == "libsecbeat")
    assert (library.status, library.what) == (Status.FAIL, "it was built from other headers")


def test_packages_must_be_there_and_as_locked(fake: FakeHost) -> None:
    def examined(versions: dict[str, str]) -> tuple[Status, str]:
        context = Context(host=Host(fake.root), installed_version=versions.get)
        (found,) = (f for f in examine(context) if f.check == "python packages")
        return found.status, found.what

    assert examined(PINNED)[0] is Status.OK
    status, what = examined(PINNED | {"flask": "0.1"})
    assert status is Status.WARN
    assert what == f"flask 0.1 instead of {PINNED['flask']}"
    without = {name: version for name, version in PINNED.items() if name != "typer"}
    assert examined(without) == (Status.FAIL, "not installed: typer")


def test_a_lock_file_is_read_and_may_be_absent(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(
        "# x==1\nflask==3.1.2 \\\n    --hash=sha256:00\nfoo==2 ; python_version < '3'\n"
    )
    assert locked_versions(tmp_path / "lock") == {"flask": "3.1.2", "foo": "2"}
    assert locked_versions(tmp_path / "none") == {}


def test_both_users_must_exist(fake: FakeHost, findings: Examine) -> None:
    fake.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsecbeat:x:1::\n")
    found = findings()
    assert found["user secbeat"].status is Status.OK
    assert found["user secbeat-dp"].status is Status.FAIL
    assert "useradd --system" in (found["user secbeat-dp"].command or "")
    assert "user waf" in findings(api={"user": "waf"})


def test_a_free_port_is_ok(findings: Examine) -> None:
    assert findings()[API].what == "free"


@pytest.mark.parametrize("address", ["0100007F:270F", "00000000:270F"])
def test_a_port_taken_by_another_fails(fake: FakeHost, findings: Examine, address: str) -> None:
    fake.listen(address, 4711, 99, "/usr/bin/caddy run")
    found = findings()[API]
    assert (found.status, found.what) == (Status.FAIL, "in use by /usr/bin/caddy run (pid 99)")
    assert findings(api={"bind": "127.0.0.2:9998"})["api 127.0.0.2:9998"].what == "free"


def test_a_port_that_is_ours_is_ok(fake: FakeHost, findings: Examine) -> None:
    fake.listen("0100007F:270F", 4711, 99, "gunicorn: secbeat-api")
    found = findings()[API]
    assert (found.status, found.what) == (Status.OK, "ours: gunicorn: secbeat-api (pid 99)")


def test_who_has_a_port_may_be_hidden(fake: FakeHost, findings: Examine) -> None:
    fake.listen("0100007F:270F", 4711)
    assert findings()[API].status is Status.WARN


def test_ipv6_listeners_count(fake: FakeHost, findings: Examine) -> None:
    row = f"   0: {'0' * 32}:270F {'0' * 32}:0000 0A 0:0 00:0 0 0 0 4711 1"
    fake.write("/proc/net/tcp6", f"  sl  local_address ...\n{row}\n")
    assert findings()[API].status is Status.WARN


def test_a_python_that_is_too_old_is_mended_by_a_command(
    monkeypatch: pytest.MonkeyPatch, findings: Examine
) -> None:
    monkeypatch.setattr("appliance.doctor.checks.software._PYTHON_MIN", (4, 0))
    found = findings()["python"]
    assert found.status is Status.FAIL
    assert "at least 4.0" in found.why
    assert found.command
