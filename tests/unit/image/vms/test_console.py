"""Reading a serial console."""

import socket
import threading

import pytest

from tests.image.support.vms.console import Console, plain


@pytest.fixture
def line(tmp_path):
    """A console, and the machine's end of it."""
    path = tmp_path / "serial.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        with Console(path) as console:
            machine, _ = listener.accept()
            with machine:
                yield console, machine


def test_control_sequences_are_no_text():
    assert plain("[\x1b[0;32m  OK  \x1b[0m] up\r\n\x1b]0;title\x07$ ") == "[  OK  ] up\n$ "


def test_what_was_expected_is_forgotten_and_what_follows_is_not(line):
    console, machine = line
    machine.sendall(b"a login: b")
    assert console.expect("login: ", 60) == "a login: "
    assert console.expect("b", 60) == "b"


def test_a_sequence_that_arrives_in_two_parts_is_still_none(line):
    console, machine = line
    machine.sendall(b"x\x1b[0;")
    threading.Timer(0.05, machine.sendall, (b"32my",)).start()
    assert console.expect("xy", 60) == "xy"


def test_a_console_that_stays_silent_is_named_with_what_it_showed(line):
    console, machine = line
    machine.sendall(b"Kernel panic")
    with pytest.raises(AssertionError, match="Kernel panic"):
        console.expect("login: ", 0.2)


def test_what_is_typed_ends_with_return(line):
    console, machine = line
    console.type("admin")
    assert machine.recv(16) == b"admin\r"
