"""Man pages in troff's man macros: secbeat(1), and a page for each command below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.cli.exits import Exit
from appliance.cli.reference.tree import PROGRAM, Command, Parameter

SECTION = "1"
EXITS = {
    Exit.OK: "Done; with status, the node is healthy.",
    Exit.REFUSED: "The API refused the request, the node rejected the change, this host is not "
    "suitable, or the answer to a question was no.",
    Exit.USAGE: "The command line is wrong.",
    Exit.NOT_HEALTHY: "status: the node answers, and is degraded or unhealthy.",
    Exit.DATA: "A file, a capture, an archive or a value has wrong content.",
    Exit.UNAVAILABLE: "The API can't be reached, or its data plane is away.",
    Exit.SOFTWARE: "Internal error of the API.",
    Exit.OS_ERROR: "replay: the packet path can't be set up.",
    Exit.CANNOT_CREATE: "fleet database restore: the database is in use by a fleet.",
    Exit.IO_ERROR: "The result can't be written; backup and fleet database: a copy failed.",
    Exit.TRY_LATER: "Too many requests, no answer in time, or pending after --timeout.",
    Exit.PROTOCOL: "The answer is not from a management API.",
    Exit.NO_PERMISSION: "The key is missing or unknown, or its role does not allow this.",
    Exit.CONFIGURATION: "A configuration file is wrong.",
    Exit.INTERRUPTED: "Interrupted.",
    Exit.CLOSED_PIPE: "The reader of stdout has closed the pipe.",
}
ENVIRONMENT = {
    "SECBEAT_URL": "The node's management API; --url.",
    "SECBEAT_ORCHESTRATOR": "The orchestrator API of the fleet; --orchestrator.",
    "SECBEAT_API_KEY": "The API key of a node; MANAGEMENT_API_KEY is read after it.",
    "ORCHESTRATOR_API_KEY": "The API key of an orchestrator.",
    "NO_COLOR": "If set, no command writes an escape sequence.",
    "COLUMNS": "Width of tables in columns, in place of the terminal's own.",
}
_ESCAPES = {"\\": "\\(rs", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}


def pages(root: Command, version: str) -> dict[str, str]:
    """Text of each page by the name of its file: ``secbeat-blacklist.1``."""
    found = {_file(root): _root_page(root, version)}
    return found | {_file(one): _group_page(one, version) for one in root.commands}


def _root_page(root: Command, version: str) -> str:
    lines = [
        *_head(root, version),
        *_section("Synopsis"),
        *_paragraph(f"{PROGRAM} COMMAND [OPTIONS] [ARGUMENTS]"),
        *_section("Description"),
        *_paragraph(root.description),
        *_paragraph(
            f"{PROGRAM} COMMAND --help shows the options of a command. --json, before or after the "
            "command, makes it print exactly one JSON document on stdout. Messages go to stderr."
        ),
        *_section("Commands"),
        *_terms((_page(one), f"{one.summary}.") for one in root.commands),
        *_section("Options"),
        *_parameters(root.options),
        *_section("Environment"),
        *_terms(ENVIRONMENT.items()),
        *_exit_status(),
        *_section("See also"),
        *_paragraph(", ".join(_page(one) for one in root.commands)),
    ]
    return _joined(lines)


def _group_page(command: Command, version: str) -> str:
    lines = [*_head(command, version), *_section("Synopsis")]
    ends = [one for one in command.walk() if not one.commands]
    for index, one in enumerate(ends):
        lines += [".br"] if index else []
        lines += [_text(_synopsis(one))]
    lines += _section("Description")
    lines += _paragraph(command.description or f"{command.summary}.")
    if command.commands:
        lines += _section("Commands")
        for one in ends:
            lines += [f".SS {_quoted(' '.join((PROGRAM, *one.path)))}"]
            lines += _paragraph(one.description or f"{one.summary}.")
            lines += _parameters(one.parameters)
    else:
        lines += [*_section("Options"), *_parameters(command.parameters)]
    lines += [*_exit_status(), *_section("See also"), *_paragraph(f"{PROGRAM}({SECTION})")]
    return _joined(lines)


def _head(command: Command, version: str) -> list[str]:
    name = "-".join((PROGRAM, *command.path))
    title = f'.TH {_quoted(name.upper())} {SECTION} "" {_quoted(f"SecBeat {version}")} ""'
    # Words such as names of variables must not be hyphenated, nor lines filled with blanks.
    head = [title, ".nh", ".ad l", *_section("Name")]
    return [*head, f"{_text(name)} \\- {_text(command.summary)}"]


def _exit_status() -> list[str]:
    return [*_section("Exit status"), *_terms((str(int(code)), EXITS[code]) for code in Exit)]


def _synopsis(command: Command) -> str:
    required = [one.shown for one in command.options if one.is_required]
    words = [PROGRAM, *command.path, *required, "[OPTIONS]"]
    arguments = [one.shown if one.is_required else f"[{one.shown}]" for one in command.arguments]
    return " ".join([*words, *arguments])


def _parameters(parameters: Sequence[Parameter]) -> list[str]:
    return _terms((one.shown, one.help) for one in parameters)


def _terms(found: Iterable[tuple[str, str]]) -> list[str]:
    lines = []
    for term, text in found:
        lines += [".TP", f"\\fB{_text(term)}\\fR", _text(text)]
    return lines


def _section(name: str) -> list[str]:
    return [f".SH {_quoted(name.upper())}"]


def _paragraph(text: str) -> list[str]:
    return [".PP", _text(text)]


def _page(command: Command) -> str:
    return f"{'-'.join((PROGRAM, *command.path))}({SECTION})"


def _file(command: Command) -> str:
    return f"{'-'.join((PROGRAM, *command.path))}.{SECTION}"


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', "\\(dq") + '"'


def _text(text: str) -> str:
    """The text for troff: no character of it is taken as a request or an escape."""
    escaped = "".join(map(_character, text))
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _character(one: str) -> str:
    return _ESCAPES.get(one) or (one if one.isascii() else f"\\[u{ord(one):04X}]")


def _joined(lines: Sequence[str]) -> str:
    text = "\n".join(lines) + "\n"
    # A heading already begins a paragraph, so the first paragraph needs no request.
    return re.sub(r"(?m)^(\.S[HS] .*)\n\.PP$", r"\1", text)
