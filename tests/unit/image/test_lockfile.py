"""Which part of the lock the appliance gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.image.steps.lockfile import blocks, closure, select

LOCK = """\
flask==3.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via secbeat (pyproject.toml)
Jinja2==3.1.5 \\
    --hash=sha256:bb
    # via
    #   flask
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:cc
    # via pytest
"""
REQUIRES = {
    "secbeat": [
        "flask>=3.1",
        "requests[socks]>=2",
        'pytest>=9; extra == "dev"',
        'pexpect>=4; extra == "scale"',
    ],
    "pexpect": [],
    "flask": ["Jinja2>=3", 'colorama; sys_platform == "win32"', 'asgiref; extra == "async"'],
    "requests": ['PySocks; extra == "socks"', 'chardet; extra == "other"', "Jinja2"],
    "jinja2": ["flask"],
    "pysocks": [],
}


def test_an_entry_keeps_its_hashes_and_loses_its_comments() -> None:
    assert (
        blocks(LOCK)["flask"] == "flask==3.1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:ab\n"
    )
    assert blocks(LOCK).keys() == {"flask", "jinja2", "colorama"}


def test_what_runs_is_followed_through_wanted_extras_and_true_markers() -> None:
    without = {"flask", "jinja2", "pysocks", "requests"}
    assert closure("secbeat", frozenset(), REQUIRES.__getitem__) == without
    with_one = closure("secbeat", frozenset({"scale"}), REQUIRES.__getitem__)
    assert with_one == {*without, "pexpect"}


def test_the_selection_is_what_pip_reads_in_hash_mode() -> None:
    selected = select(LOCK, {"jinja2", "flask"})
    assert selected == blocks(LOCK)["flask"] + blocks(LOCK)["jinja2"]


def test_a_name_that_is_not_locked_is_refused() -> None:
    with pytest.raises(KeyError):
        select(LOCK, {"werkzeug"})


def test_every_line_of_the_projects_lock_is_understood() -> None:
    lock = (Path(__file__).parents[3] / "requirements.lock").read_text()
    entries = blocks(lock)
    assert len(entries) == lock.count("==") - lock.count(" == ")
    assert all("--hash=sha256:" in entry for entry in entries.values())
