"""Two network namespaces, client and origin, whose only interface is a tap that a machine gets.

A tap lives as long as somebody holds it open. The run does, so machines may come and go, and
whatever ends the run ends the tap.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from contextlib import ExitStack
from pathlib import Path

from appliance.commands import run
from appliance.lab import network, nginx
from appliance.lab.network import CLIENT, ENDPOINT_INTERFACE, INSIDE, ORIGIN, OUTSIDE
from tests.image.support.vms.machine import DataNic, NicModel
from tests.support.instances.lab import Lab
from tests.support.network.peers import background
from tests.support.waiting import wait_for

_TUN = Path("/dev/net/tun")
_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TAP, _IFF_NO_PI, _IFF_MULTI_QUEUE = 0x0002, 0x1000, 0x0100
_IFREQ = struct.Struct("16sH22x")

ORIGIN4, ORIGIN6 = f"http://{ORIGIN.plain()[0]}/", f"http://[{ORIGIN.plain()[1]}]/"
FORWARDS_S = 180
OUTSIDE_MAC = "52:54:00:00:01:01"
INSIDE_MAC = "52:54:00:00:01:02"


class Wire:
    """Both namespaces, nginx in the origin's, and the NICs for a machine; a context manager.

    Args:
        peers: the instance that the namespaces belong to; it is never started as a lab.
        model: what the NICs are.
    """

    def __init__(self, peers: Lab, model: NicModel = NicModel.VIRTIO) -> None:
        self.peers = peers
        self._model = model
        self.nics: tuple[DataNic, ...] = ()
        self._stack = ExitStack()

    def __enter__(self) -> Wire:
        namespaces = self.peers.instance.namespaces
        with self._stack:
            self._stack.callback(network.remove, namespaces)
            outside = self._tap(OUTSIDE, OUTSIDE_MAC, namespaces.client)
            inside = self._tap(INSIDE, INSIDE_MAC, namespaces.origin)
            network.set_addresses(namespaces.client, CLIENT)
            network.set_addresses(namespaces.origin, ORIGIN)
            self._serve()
            self.nics = (outside, inside)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def passes(self, url: str, source: str | None = None, timeout_s: float = 3) -> bool:
        """Whether the client gets a page from the origin, from one of its addresses."""
        return self.peers.curl(url, source, timeout_s).returncode == 0

    def first_page_s(self, bound_s: float) -> float:
        """Seconds from now until the client gets a page, to half a second."""
        started = time.monotonic()
        wait_for(lambda: self.passes(ORIGIN4, timeout_s=1), "the node forwards", bound_s, 0.5)
        return time.monotonic() - started

    def wait_until_it_forwards(self) -> None:
        """Wait until a machine that has just booted lets the client through."""
        wait_for(lambda: self.passes(ORIGIN4), "the node forwards", FORWARDS_S, every_s=0.5)

    def _tap(self, name: str, mac: str, namespace: str) -> DataNic:
        network.add_endpoint(namespace)
        temporary = f"sbt{os.getpid()}{name[:1]}"
        descriptors = []
        for _ in range(self._model.queues):
            descriptors.append(open_tap(temporary, has_queues=self._model.queues > 1))
            self._stack.callback(os.close, descriptors[-1])
        move = ("netns", namespace, "name", ENDPOINT_INTERFACE)
        run("ip", "link", "set", "dev", temporary, *move)
        return DataNic(name, mac, tuple(descriptors), self._model)

    def _serve(self) -> None:
        directory = self.peers.instance.directory / "nginx"
        directory.mkdir()
        configuration = nginx.prepare(self.peers.instance, directory)
        command = ("nginx", "-e", "stderr", "-c", str(configuration))
        self._stack.enter_context(background(*self.peers.enter("origin"), *command))


def open_tap(name: str, *, has_queues: bool = False) -> int:
    """Make a tap, or open another of its queues, and hold it: it goes with the last descriptor.

    Without virtio headers (IFF_VNET_HDR) the kernel finishes every checksum before a frame goes in,
    so no offload has to be switched off on either side.
    """
    descriptor = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        flags = _IFF_TAP | _IFF_NO_PI | (_IFF_MULTI_QUEUE if has_queues else 0)
        fcntl.ioctl(descriptor, _TUNSETIFF, _IFREQ.pack(name.encode(), flags))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
