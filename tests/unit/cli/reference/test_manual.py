"""Man pages: one for each command, and nothing in them that groff warns of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from appliance.cli.exits import Exit
from appliance.cli.reference import manual
from appliance.cli.reference.__main__ import PAGES, SCRIPTS, install, link, main
from appliance.cli.reference.tree import Command, Parameter


@pytest.fixture(scope="module")
def pages(tree: Command) -> dict[str, str]:
    return manual.pages(tree, "1.2.3")


def shown(page: str) -> str:
    """The page as a terminal has it, without emphasis."""
    command = ["groff", "-man", "-Tascii", "-ww", "-P", "-cbou", "-rLL=200n"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_there_is_a_page_for_each_command(tree: Command, pages: dict[str, str]) -> None:
    assert set(pages) == {"secbeat.1", *(f"secbeat-{one.path[0]}.1" for one in tree.commands)}


def test_groff_warns_of_nothing(pages: dict[str, str]) -> None:
    for name, page in pages.items():
        command = ["groff", "-man", "-Tutf8", "-ww", "-z"]
        done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), name


def test_a_page_names_every_command_and_option_below_it(
    tree: Command, pages: dict[str, str]
) -> None:
    for group in tree.commands:
        text = " ".join(shown(pages[f"secbeat-{group.path[0]}.1"]).split())
        for one in group.walk():
            if not one.commands:
                assert f"secbeat {' '.join(one.path)}" in text
                for each in one.parameters:
                    assert each.shown in text, (one.path, each.shown)


def test_the_first_page_names_all_others_and_the_exit_codes(
    tree: Command, pages: dict[str, str]
) -> None:
    text = shown(pages["secbeat.1"])
    for one in tree.commands:
        assert f"secbeat-{one.path[0]}(1)" in text
    assert set(manual.EXITS) == set(Exit)
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "ENVIRONMENT", "EXIT STATUS"):
        assert f"\n{heading}\n" in f"\n{text}"


@pytest.mark.parametrize("text", [".SH a request", "'br", "a\\fBb", 'a "b" c', "-x --y", "^~`"])
def test_text_is_shown_as_it_is(text: str) -> None:
    option = Parameter(("-x",), "-x", text, 0)
    page = manual.pages(
        Command((), "a", text, (option,), (Command(("b",), text, text, (option,), ()),)), "1"
    )
    for one in page.values():
        assert shown(one).count(text) >= 2


def test_pages_and_scripts_are_installed_and_linked(tmp_path: Path) -> None:
    release, share = tmp_path / "opt" / "share", tmp_path / "usr" / "share"
    main([str(release), "--links", str(share)])
    for path in (f"{PAGES}/secbeat.1", f"{PAGES}/secbeat-blacklist.1", *SCRIPTS.values()):
        assert (share / path).readlink() == release / path
        assert (share / path).stat().st_mode & 0o777 == 0o644
    gone = share / PAGES / "secbeat-gone.1"
    gone.symlink_to(release / PAGES / "secbeat-gone.1")
    other = share / PAGES / "another.1"
    other.symlink_to("nowhere")
    link(install(release), release, share)
    assert not gone.is_symlink()
    assert other.is_symlink()
