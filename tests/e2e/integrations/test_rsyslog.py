"""Debian's rsyslog forwards the product's log lines as JSON, with the fields that they have."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import TREE
from tests.support.waiting import wait_for

PAGE = (TREE / "docs" / "integrations.md").read_text()
RULES = re.search(r"```\n(# /etc/rsyslog\.d/secbeat\.conf.*?)```", PAGE, re.S)
LINE = """
import sys
import structlog
from api.common.logs import configure
configure()
structlog.get_logger("tests").warning("ban refused", network="192.0.2.7", hits=3, ends=None)
print("a line that is no JSON", file=sys.stderr)
"""


class Collector:
    """A syslog server over TCP that keeps lines."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.lines: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
            with connection, connection.makefile("r", encoding="utf-8") as stream:
                self.lines.extend(stream)
        except OSError:
            return

    def documents(self) -> list[Any]:
        """Each line as JSON."""
        return [json.loads(line) for line in list(self.lines)]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def rsyslog(collector: Collector, source: Path, folder: Path) -> Path:
    """The documented rules, with this collector, and a socket for the journal's messages."""
    assert RULES is not None
    rules = RULES[1].replace("logs.example.net", "127.0.0.1").replace("6514", str(collector.port))
    file = folder / "rsyslog.conf"
    file.write_text(
        f'global(workDirectory="{folder}")\n'
        f'module(load="imuxsock" SysSock.Use="off")\n'
        f'input(type="imuxsock" Socket="{source}" UseSysTimeStamp="off")\n{rules}'
    )
    return file


def product_lines() -> list[str]:
    """What a process of the product writes to stderr, which is its unit's journal."""
    done = subprocess.run(
        [sys.executable, "-c", LINE], cwd=TREE, capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()


def test_fields_of_a_log_line_arrive_as_fields(collector: Collector, tmp_path: Path) -> None:
    source = tmp_path / "log"
    file = rsyslog(collector, source, tmp_path)
    checked = subprocess.run(
        ["rsyslogd", "-N1", "-f", file], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    process = subprocess.Popen(
        ["rsyslogd", "-n", "-f", file, "-i", tmp_path / "pid"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(source.exists, "rsyslog listens")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(source))
            sender.send(b"<30>Nov 30 10:00:00 sshd[7]: not ours")
            for line in product_lines():
                sender.send(f"<30>Nov 30 10:00:00 secbeat-api[42]: {line}".encode())
        wait_for(lambda: len(collector.lines) == 2, "both lines of the product have arrived")
    finally:
        process.terminate()
        process.wait(60)
    first, second = collector.documents()
    assert first["secbeat"]["event"] == "ban refused"
    assert first["secbeat"]["network"] == "192.0.2.7"
    assert first["secbeat"]["hits"] == 3
    assert first["secbeat"]["level"] == "warning"
    assert first["program"] == "secbeat-api"
    assert second["secbeat"]["msg"].strip() == "a line that is no JSON"
