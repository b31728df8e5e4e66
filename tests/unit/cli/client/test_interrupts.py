"""Ctrl-C during a request that the API processes without its client: the message, exit code 130."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import requests

SENT = (
    "interrupted: the request is sent, and the API may still commit it; `secbeat {} list{}` shows"
)
REMOVED = {"revision": None, "state": "dry_run", "removed": 3, "removed_by_origin": {"manual": 3}}


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes requests read so many pieces of their body (None: all), then raise."""

    def after(pieces: int | None) -> None:
        def request(*_: object, data: Iterable[bytes] = (), **__: object) -> None:
            for count, _piece in enumerate(data, 1):
                if count == pieces:
                    break
            raise KeyboardInterrupt

        monkeypatch.setattr(requests.Session, "request", request)

    return after


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bans.txt"
    path.write_bytes(b"192.0.2.1\n" * 20_000)
    return path


@pytest.mark.parametrize("noun", ["blacklist", "allowlist", "rules"])
@pytest.mark.parametrize("flags", [(), ("--fleet",)])
def test_after_an_import_is_sent_the_message_names_the_command_that_shows_it(
    noun: str,
    flags: tuple[str, ...],
    interrupted: Any,
    secbeat: Any,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "k" * 32)
    interrupted(None)
    done = secbeat(noun, "import", file, *flags)
    assert done.code == 130
    assert SENT.format(noun, "".join(f" {each}" for each in flags)) in done.err


def test_before_all_is_sent_nothing_is_changed(interrupted: Any, secbeat: Any, file: Path) -> None:
    interrupted(1)
    done = secbeat("blacklist", "import", file)
    assert done.code == 130
    assert "the request was not complete, so the API changes nothing" in done.err


def test_a_removal_in_bulk_may_still_be_committed(interrupted: Any, secbeat: Any) -> None:
    interrupted(None)
    done = secbeat("blacklist", "remove", "--reason", "scan")
    assert (done.code, SENT.format("blacklist", "") in done.err) == (130, True)


def test_an_import_of_rules_goes_on_in_the_api(
    api: Any, secbeat: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("appliance.cli.commands.rules.rule_files.time.sleep", interrupt)
    api.answers_with(202, {"id": "j", "state": "checking", "lines": 1})
    done = secbeat("rules", "import", file)
    assert done.code == 130
    assert "`secbeat rules list` shows the result" in done.err


def test_a_revision_that_is_awaited_is_committed(
    api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("appliance.cli.client.node_api.time.sleep", interrupt)
    pending = {"ip": "192.0.2.1", "state": "pending", "revision": 8}
    api.answers_with(202, pending, Location="/api/v1/revisions/8")
    done = secbeat("blacklist", "add", "192.0.2.1", "--wait")
    assert done.code == 130
    assert "revision 8 is committed, and may not be in force yet" in done.err
