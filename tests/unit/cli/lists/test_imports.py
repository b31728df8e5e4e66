"""``secbeat blacklist import``: the file that is sent, and what is said of its lines."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.lists.documents import IMPORTED


def test_import_sends_the_file_as_it_is(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"192.0.2.1\n# why\n192.0.2.0/24\nx\n")
    api.answers_with(201, IMPORTED)
    done = secbeat("blacklist", "import", file, "--on-conflict", "skip", "--duration", "1d")
    (request,) = api.requests
    assert request.path == "/api/v1/blacklist/import"
    assert request.query == {"on_conflict": "skip", "duration_seconds": "86400"}
    assert request.headers["Content-Type"] == "text/plain"
    assert request.headers["Content-Length"] == str(file.stat().st_size)
    assert request.body == file.read_bytes()
    assert done.out == "2 of 3 lines are put on the blacklist, 1 skipped: in force (revision 9)\n"
    assert done.err == "secbeat: line 3: x: is no address\n"


def test_import_names_lines_that_are_refused_and_counts_networks(
    api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"x\n")
    refused = [{"line": 2, "value": "x", "why": "'x' is not an IP address or prefix"}]
    more = {"networks": 4, "added": 4, "skipped": 0, "skipped_lines": [], "refused": 1}
    warning = "line 3: 10.0.0.0/7 is shorter than /8"
    answer = {**IMPORTED, **more, "refused_lines": refused, "warnings": [warning]}
    api.answers_with(201, answer)
    done = secbeat("blacklist", "import", file, "--on-error", "skip", "--force")
    assert api.requests[0].query == {"on_conflict": "fail", "on_error": "skip", "force": "true"}
    what = "4 of 4 networks are put on the blacklist, 1 refused"
    assert done.out == f"{what}: in force (revision 9)\n"
    assert done.err == (
        f"secbeat: line 2: 'x' is not an IP address or prefix\nsecbeat: warning: {warning}\n"
    )


def test_a_signature_before_ndjson_is_nothing(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.ndjson"
    file.write_bytes(b'\xef\xbb\xbf{"ip": "192.0.2.1"}\n')
    api.answers_with(201, IMPORTED)
    secbeat("blacklist", "import", file)
    assert api.requests[0].headers["Content-Type"] == "application/x-ndjson"


def test_import_reads_stdin_and_sees_ndjson(api: Any, secbeat: Any, monkeypatch: Any) -> None:
    body = b'{"ip": "192.0.2.1"}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
    api.answers_with(201, IMPORTED)
    done = secbeat("allowlist", "import", "-", "--json")
    assert api.requests[0].headers["Content-Type"] == "application/x-ndjson"
    assert api.requests[0].body == body
    assert done.json == IMPORTED


@pytest.mark.parametrize("content", [None, b""])
def test_import_of_no_file_or_nothing_is_a_usage_error(
    content: bytes | None, api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    if content is not None:
        file.write_bytes(content)
    assert secbeat("blacklist", "import", file).code == 2
    assert api.requests == []


NOTHING = {"revision": None, "state": "in_force", "lines": 0, "added": 0, "skipped_lines": []}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (NOTHING, "0 of 0 lines are put on the blacklist"),
        (
            {**NOTHING, "lines": 2, "skipped": 2},
            "0 of 2 lines are put on the blacklist, 2 skipped",
        ),
    ],
)
def test_an_import_without_a_revision_changes_nothing(
    body: dict[str, Any], told: str, api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"# none\n")
    api.answers_with(200, {**body, "warnings": ["line 1: short"]})
    done = secbeat("blacklist", "import", file)
    assert (done.code, done.out) == (0, f"{told}: nothing is changed\n")
    assert done.err == "secbeat: warning: line 1: short\n"
