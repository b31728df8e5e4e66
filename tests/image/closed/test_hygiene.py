"""A closed image holds nothing of its build, and nothing that two machines must not share."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.support import expected

READ_MAX = 1 << 20
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
EMPTY = (
    "etc/secbeat/tls",
    "root",
    "run",
    "tmp",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
    "var/lib/cloud",
    "var/lib/systemd/network",
    "var/lib/systemd/timers",
    "var/tmp",
)
"""Folders in which no file may be, at any depth, beside what every account begins with."""
SKELETON = {".bashrc", ".profile", ".bash_logout"}
ABSENT = (
    "etc/passwd-",
    "etc/shadow-",
    "etc/group-",
    "etc/gshadow-",
    "etc/subuid-",
    "etc/subgid-",
    "etc/cloud/cloud-init.disabled",
    "root/.ssh",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
)


def files(folder: Path) -> Iterator[Path]:
    """Everything below that is not a folder; links are not followed."""
    for parent, _folders, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)


def shown(root: Path, found: Iterator[Path] | list[Path]) -> list[str]:
    """As seen from inside the image."""
    return sorted(str(path.relative_to(root)) for path in found)


def test_the_machine_id_is_empty(root: Path):
    assert (root / "etc/machine-id").read_bytes() == b""


def test_there_are_no_ssh_host_keys(root: Path):
    assert shown(root, (root / "etc/ssh").glob("ssh_host_*")) == []


@pytest.mark.parametrize("folder", EMPTY)
def test_a_folder_of_leftovers_is_empty(root: Path, folder: str):
    assert shown(root, [path for path in files(root / folder) if path.name not in SKELETON]) == []


@pytest.mark.parametrize("name", ABSENT)
def test_what_the_build_has_made_is_gone(root: Path, name: str):
    assert not os.path.lexists(root / name)


def test_there_are_no_logs(root: Path):
    # No file at all: also empty ones would tell whose they were.
    assert shown(root, files(root / "var/log")) == []


def test_a_node_has_no_state_yet(root: Path):
    assert shown(root, files(root / "var/lib/secbeat")) == []


def test_the_build_account_is_gone(root: Path):
    named = re.compile(rb"\bpacker\b")
    places = [*files(root / "etc"), *files(root / "var/spool"), *files(root / "var/mail")]
    regular = [path for path in places if path.is_file() and not path.is_symlink()]
    assert shown(root, [path for path in regular if named.search(path.read_bytes())]) == []
    assert shown(root, (root / "home").iterdir()) == []


def test_no_file_belongs_to_an_account_that_is_not_there(root: Path):
    known = {
        name: {int(line.split(":")[2]) for line in (root / f"etc/{name}").read_text().splitlines()}
        for name in ("passwd", "group")
    }
    strangers = [
        path
        for path in files(root)
        if (about := path.lstat()).st_uid not in known["passwd"]
        or about.st_gid not in known["group"]
    ]
    assert shown(root, strangers) == []


def test_accounts_are_exactly_those_of_a_node(root: Path):
    names = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
    assert names == expected.USERS


def test_no_account_has_a_password(root: Path):
    lines = [line.split(":") for line in (root / "etc/shadow").read_text().splitlines()]
    # "*" and "!" stand for no password at all; the first boot opens the console's account.
    assert {fields[0]: fields[1] for fields in lines if fields[1] not in ("*", "!", "!*")} == {}


def test_no_history_is_left(root: Path):
    histories = re.compile(r"^\.(.*_history|lesshst|viminfo|wget-hsts|ansible|cache)$")
    places = [path for folder in ("root", "home") for path in (root / folder).rglob("*")]
    assert shown(root, [path for path in places if histories.match(path.name)]) == []


def test_nobody_is_let_in_by_a_key(root: Path):
    found = [path for path in files(root) if path.name == "authorized_keys"]
    assert shown(root, found) == []


def test_there_is_no_private_key(root: Path):
    assert shown(root, (path for path in small_files(root) if has_private_key(path))) == []


def test_no_package_to_build_with_is_installed(root: Path):
    assert expected.BUILD_PACKAGES & installed(root) == set()


def test_no_compiler_is_there_under_whatever_name(root: Path):
    compilers = re.compile(
        r"^(?:.*-)?(?:gcc|g\+\+|cc1|cc1plus|clang|tcc|ld\.bfd|as|make)(?:-\d+)?$"
    )
    programs = [*files(root / "usr/bin"), *files(root / "usr/libexec"), *files(root / "usr/local")]
    assert shown(root, [path for path in programs if compilers.match(path.name)]) == []


def test_no_installer_of_python_packages_is_in_the_environment(root: Path):
    found = [path for path in (root / "opt/secbeat/bin").iterdir() if path.name.startswith("pip")]
    assert shown(root, found) == []


def test_programs_with_more_rights_than_their_caller_are_exactly_the_known_ones(root: Path):
    special = stat.S_ISUID | stat.S_ISGID
    found = [
        path
        for path in files(root)
        if stat.S_ISREG(about := path.lstat().st_mode) and about & special
    ]
    assert set(shown(root, found)) == expected.SETUID_PROGRAMS


def test_no_file_can_be_written_by_everybody(root: Path):
    found = [
        path
        for path in files(root)
        if not stat.S_ISLNK(about := path.lstat().st_mode)
        and about & stat.S_IWOTH
        and not stat.S_ISCHR(about)
    ]
    assert shown(root, found) == []


def test_nothing_can_be_changed_by_the_users_of_the_node(root: Path):
    """Neither program nor configuration belongs to a user that a process runs as."""
    owners = {
        line.split(":")[0]: int(line.split(":")[2])
        for line in (root / "etc/passwd").read_text().splitlines()
    }
    strange = {owners[name] for name in expected.SERVICE_USERS}
    places = [path for folder in ("etc", "opt", "usr") for path in files(root / folder)]
    assert shown(root, [path for path in places if path.lstat().st_uid in strange]) == []


def small_files(root: Path) -> Iterator[Path]:
    """Regular files of at most 1 MiB."""
    for path in files(root):
        about = path.lstat()
        if stat.S_ISREG(about.st_mode) and about.st_size <= READ_MAX:
            yield path


def has_private_key(path: Path) -> bool:
    return PRIVATE_KEY.search(path.read_bytes()) is not None


def installed(root: Path) -> set[str]:
    """Names of the Debian packages that are installed."""
    names, current = set(), ""
    for line in (root / "var/lib/dpkg/status").read_text().splitlines():
        if line.startswith("Package: "):
            current = line.removeprefix("Package: ")
        elif line == "Status: install ok installed":
            names.add(current)
    return names
