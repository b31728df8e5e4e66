"""The receiving end of sd_notify."""

import socket

from appliance.lab.processes.notify import NotifySocket


def send(path, *messages):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for message in messages:
            sender.send(message)


def test_assignments_of_each_message_arrive_in_order(tmp_path):
    notify = NotifySocket(tmp_path / "socket", user=None)
    send(notify.path, b"READY=1\nSTATUS=a=b", b"WATCHDOG=1")
    assert notify.receive() == [{"READY": "1", "STATUS": "a=b"}, {"WATCHDOG": "1"}]
    assert notify.receive() == []
    notify.close()


def test_garbage_is_no_message(tmp_path):
    notify = NotifySocket(tmp_path / "socket", user=None)
    send(notify.path, b"\xff\xfe", b"")
    assert notify.receive() == [{}, {}]
    notify.close()


def test_close_removes_the_file_and_may_be_repeated(tmp_path):
    notify = NotifySocket(tmp_path / "socket", user=None)
    notify.close()
    notify.close()
    assert not notify.path.exists()
