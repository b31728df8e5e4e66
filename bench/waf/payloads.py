"""Labelled attacks: those that sqlmap and Wapiti would send, and the lists of SecurityForge.

They are not part of this project: `fetched` downloads the packages with pip to ``build/corpus``.
Payloads of the first two are built as those tools do it, with the highest level and risk. No
payload is ever sent.

Half of SecurityForge's payloads, selected by their hash, are *held out*: authors of rules must not
look at them, so the result for them shows how well the rules find unknown attacks.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

PACKAGES = ("sqlmap", "wapiti3", "securityforge")
_PLACEHOLDER = re.compile(r"\[([A-Z_]+[0-9]*)\]")


@dataclass(frozen=True)
class Payload:
    """One value of an argument, or a body, that is an attack."""

    group: str
    text: str
    source: str
    is_body: bool = False

    @property
    def is_held_out(self) -> bool:
        """True if authors of rules must not look at it."""
        digest = hashlib.sha256(self.text.encode()).digest()
        return self.source == "securityforge" and digest[0] % 2 == 1


def fetched(folder: Path) -> list[Path]:
    """The wheels of `PACKAGES`, downloaded if they are not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if not list(folder.glob(f"{name}-*.whl")):
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*command, "--dest", str(folder), name], check=True, timeout=300)
    return [next(folder.glob(f"{name}-*.whl")) for name in PACKAGES]


def payloads(folder: Path, seed: int, sqlmap_max: int) -> list[Payload]:
    """All payloads of Wapiti and SecurityForge, and a sample of sqlmap's."""
    rng = random.Random(seed)
    sqlmap, wapiti, lists = fetched(folder)
    made = sorted(set(_of_sqlmap(zipfile.ZipFile(sqlmap), rng)))
    rng.shuffle(made)
    of_sqlmap = [Payload("sql_injection", text, "sqlmap") for text in made[:sqlmap_max]]
    others = [*_of_wapiti(zipfile.ZipFile(wapiti)), *_of_lists(zipfile.ZipFile(lists))]
    return of_sqlmap + others


# --- sqlmap ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Boundary:
    prefix: str
    suffix: str
    clauses: frozenset[int]
    places: frozenset[int]


def _of_sqlmap(wheel: zipfile.ZipFile, rng: random.Random) -> Iterator[str]:
    boundaries = [
        _Boundary(
            one.findtext("prefix") or "",
            one.findtext("suffix") or "",
            _numbers(one, "clause"),
            _numbers(one, "where"),
        )
        for one in _xml(wheel, "data/xml/boundaries.xml").iter("boundary")
    ]
    for name in sorted(wheel.namelist()):
        if "/data/xml/payloads/" in name and name.endswith(".xml"):
            for test in ET.fromstring(wheel.read(name)).iter("test"):  # noqa: S314
                yield from _of_test(test, boundaries, rng)


def _of_test(test: ET.Element, boundaries: list[_Boundary], rng: random.Random) -> Iterator[str]:
    """The payload within all boundaries that fit its clause and place."""
    request = test.find("request")
    clauses = _numbers(test, "clause")
    if request is None:
        return
    comment = request.findtext("comment") or ""
    for place in _numbers(test, "where"):
        for boundary in boundaries:
            fits = 0 in boundary.clauses or 0 in clauses or boundary.clauses & clauses
            if not fits or place not in boundary.places:
                continue
            payload = request.findtext("payload") or _union(request, rng)
            suffix = "" if comment else boundary.suffix
            text = f"{boundary.prefix} {payload}{comment}{suffix}"
            value = {1: "1", 2: f"-{rng.randrange(1000, 9999)}"}.get(place, "")
            if place == 3:
                text = payload + comment
            yield _filled(value + text, test, rng)


def _union(request: ET.Element, rng: random.Random) -> str:
    character = request.findtext("char") or "NULL"
    columns = [character] * rng.randrange(1, 11)
    columns[rng.randrange(len(columns))] = "CONCAT('[DELIMITER_START]',[QUERY],'[DELIMITER_STOP]')"
    return "UNION ALL SELECT " + ",".join(columns)


def _filled(text: str, test: ET.Element, rng: random.Random) -> str:
    dbms = (test.findtext("details/dbms") or "").lower()
    words = {f"RANDNUM{i or ''}": str(rng.randrange(1000, 9999)) for i in range(6)}
    words |= {f"RANDSTR{i or ''}": _word(rng) for i in range(5)}
    words |= {
        "ORIGVALUE": "1", "ORIGINAL": "1", "SLEEPTIME": "5", "DELAYED": "5", "CHAR": "NULL",
        "GENERIC_SQL_COMMENT": f"-- {_word(rng)}", "INFERENCE": "1234=1234", "QUERY": "VERSION()",
        "DELIMITER_START": f"q{_word(rng)}q", "DELIMITER_STOP": f"q{_word(rng)}q",
        "AT_REPLACE": "qaq", "SPACE_REPLACE": "qsq", "DOLLAR_REPLACE": "qdq",
        "HASH_REPLACE": "qhq", "COLSTART": "1", "COLSTOP": "9", "SINGLE_QUOTE": "'",
        "DOUBLE_QUOTE": '"', "LIMITSTART": "0", "LIMITSTOP": "1",
    }  # fmt: skip
    for _ in range(2):
        text = _PLACEHOLDER.sub(lambda found: words.get(found[1], _word(rng)), text)
    return re.sub(r"'(q[a-z]{1,4}q)'", lambda found: _escaped(found[1], dbms), text)


def _escaped(word: str, dbms: str) -> str:
    """A string without quotes, as sqlmap writes it for each DBMS."""
    if "mysql" in dbms:
        return "0x" + word.encode().hex()
    function, join = {
        "postgresql": ("CHR", "||"), "oracle": ("CHR", "||"), "microsoft sql server": ("CHAR", "+"),
        "sybase": ("CHAR", "+"), "ibm db2": ("CHR", "||"), "firebird": ("ASCII_CHAR", "||"),
    }.get(dbms.partition("/")[0], ("", ""))  # fmt: skip
    return join.join(f"{function}({ord(one)})" for one in word) if function else f"'{word}'"


def _word(rng: random.Random) -> str:
    return "".join(rng.choice("abcdefghijklmnoprstuvwxyz") for _ in range(3))


def _numbers(element: ET.Element, name: str) -> frozenset[int]:
    text = element.findtext(name) or ""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _xml(wheel: zipfile.ZipFile, end: str) -> ET.Element:
    (name,) = [one for one in wheel.namelist() if one.endswith(end)]
    return ET.fromstring(wheel.read(name))  # noqa: S314


# --- Wapiti ---------------------------------------------------------------------------------------

_FILES = {
    "blindSQLPayloads.ini": "sql_injection",
    "xssPayloads.ini": "xss",
    "fileHandlingPayloads.ini": "path_traversal",
    "execPayloads.ini": "command_injection",
    "xxePayloads.ini": "command_injection",
}
_MARKS = {
    "LF": "\n", "CR": "\r", "TAB": "\t", "NULL": "\0", "SPACE": " ", "VALUE": "default",
    "EXTERNAL_ENDPOINT": "https://wapiti3.example/", "TIME": "6", "FILE_NAME": "index.php",
    "FILE_NOEXT": "index", "EXT": "php", "PATH": "/", "HTTP": "http://", "DIRVALUE": "/a",
    "ATTR_SEP": " ", "VALUE_SEP": '"', "FF": "\f", "EXTVALUE": "html",
    "PROTO_ENDPOINT": "wapiti3.example/", "SESSION_ID": "a1b2c3", "PATH_ID": "7",
    "PARAM_AS_HEX": "6964",
}  # fmt: skip


def _of_wapiti(wheel: zipfile.ZipFile) -> Iterator[Payload]:
    for file, group in _FILES.items():
        (name,) = [one for one in wheel.namelist() if one.endswith(f"/attacks/{file}")]
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(wheel.read(name).decode())
        texts = dict.fromkeys(
            _marked(line)
            for section in parser.sections()
            for line in parser[section]["payload"].splitlines()
        )
        for text in texts:
            yield Payload(group, text, "wapiti", is_body="xxe" in file)


def _marked(text: str) -> str:
    text = text.replace("__XSS__", "wabc123")
    return _PLACEHOLDER.sub(lambda found: _MARKS.get(found[1], found[0]), text)


# --- SecurityForge --------------------------------------------------------------------------------

_LISTS = {
    "command_injection": "command_injection",
    "path_traversal": "path_traversal",
    "sqli": "sql_injection",
    "xss": "xss",
}
"""Folders of the lists, with the group of each."""
_KINDS = ("advanced", "comprehensive", "event_handlers")
"""The lists of a folder that match the folder's name; the others also contain parts of programs."""


def _of_lists(wheel: zipfile.ZipFile) -> Iterator[Payload]:
    for folder, group in _LISTS.items():
        texts: dict[str, None] = {}
        for kind in _KINDS:
            name = f"securityforge/payloads/{folder}/{kind}.json"
            if name in wheel.namelist():
                rows = json.loads(wheel.read(name))["payloads"]
                texts |= dict.fromkeys(row["payload"] for row in rows)
        for text in texts:
            yield Payload(group, text, "securityforge")
