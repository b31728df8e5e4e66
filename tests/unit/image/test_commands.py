"""Commands: what they print, how they fail, and which ones are put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.image.errors import ImageError
from appliance.image.system import debian
from appliance.image.system.command import LAST_LINES, Commands

TREE = Path(__file__).parents[3]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_a_command_gives_what_it_printed_and_logs_it(log: Path) -> None:
    assert Commands(log).run("sh", "-c", "echo out; echo err >&2") == "out\nerr\n"
    assert log.read_text() == "$ sh -c 'echo out; echo err >&2'\nout\nerr\n"


def test_a_failure_tells_the_last_lines_and_where_all_is(log: Path) -> None:
    script = f"for i in $(seq {LAST_LINES + 10}); do echo line $i; done; exit 3"
    with pytest.raises(ImageError, match=f"failed with 3; all of it is in {log}") as caught:
        Commands(log).run("sh", "-c", script)
    lines = str(caught.value).splitlines()
    assert lines[1] == "line 11"
    assert len(lines) == LAST_LINES + 1


def test_a_tool_that_is_not_there_is_named_with_the_remedy(log: Path) -> None:
    with pytest.raises(ImageError, match="no-such-tool is not installed: run 'make setup-image'"):
        Commands(log).run("no-such-tool")


def test_a_command_gets_no_input(log: Path) -> None:
    assert Commands(log).run("cat") == ""


@pytest.mark.parametrize(
    "pattern",
    [
        "packer/base/*.txt",
        "appliance/image/steps/boot-packages.txt",
        "appliance/image/steps/builder-packages.txt",
        "appliance/image/steps/metal-packages.txt",
    ],
)
def test_the_package_lists_hold_names_without_repetition(pattern: str) -> None:
    packages = [name for file in TREE.glob(pattern) for name in debian.packages_in(file)]
    assert packages
    assert len(packages) == len(set(packages))


def test_no_compiler_nor_header_is_listed_for_the_image() -> None:
    packages = debian.packages_in(TREE / "packer/base/packages.txt")
    assert [name for name in packages if name.endswith("-dev") or name in ("gcc", "make")] == []


def test_a_line_that_is_no_package_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text("gcc # fine\ngcc make\n")
    with pytest.raises(ImageError, match="'gcc make' is not the name"):
        debian.packages_in(file)


def test_a_root_comes_from_suite_updates_and_security() -> None:
    command = debian.mmdebstrap(Path("/r"), ["gcc"], debian.sources("http://m", "http://s"))
    suites = [word.split()[3] for word in command if word.startswith("deb ")]
    assert suites == ["trixie", "trixie-updates", "trixie-security"]
    assert "--include=gcc" in command


def test_dpkg_waits_for_the_disk_again_in_a_machine(tmp_path: Path) -> None:
    file = tmp_path / "etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    file.parent.mkdir(parents=True)
    file.write_text("force-unsafe-io\npath-exclude=/usr/share/man/*\n")
    debian.safe_again(tmp_path)
    assert file.read_text() == "path-exclude=/usr/share/man/*\n"
