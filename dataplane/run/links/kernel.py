"""The link of a kernel interface: read and set by rtnetlink(7).

For ports of DPDK drivers on a kernel interface (af_packet, af_xdp, pcap), which can neither take
the link down nor detect that it is. Setting it needs CAP_NET_ADMIN in the interface's network
namespace, which a data plane with such a port has, because the drivers need it too.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from dataplane.base.errors import NativeError

_NLMSG_ERROR, _RTM_NEWLINK, _RTM_GETLINK, _RTM_SETLINK = 2, 16, 18, 19
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4
_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence, port."""
_LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg: family, device type, index, flags, mask of changed flags."""
_ERROR = struct.Struct("=i")
_IFF_UP, _IFF_RUNNING = 1, 0x40
_ANSWER_BYTES_MAX = 65_536
_ANSWER_S_MAX = 1.0


class KernelLink:
    """One interface; every call queries the kernel."""

    def __init__(self, interface: str) -> None:
        self._interface = interface

    def is_up(self) -> bool | None:
        """Whether the interface exists, is set up, and has a carrier; None: not permitted to
        ask."""
        try:
            kind, body = self._ask(_RTM_GETLINK, 0, 0)
        except (OSError, NativeError) as error:
            return False if error.errno == errno.ENODEV else None
        flags = _LINK.unpack_from(body)[3] if kind == _RTM_NEWLINK else 0
        return bool(flags & _IFF_UP and flags & _IFF_RUNNING)

    def set_link(self, *, up: bool) -> None:
        """Set it up or down. Raises NativeError."""
        try:
            self._ask(_RTM_SETLINK, _IFF_UP if up else 0, _IFF_UP)
        except OSError as error:
            raise self._failed(error.errno or errno.EIO) from error

    def _ask(self, kind: int, flags: int, change: int) -> tuple[int, bytes]:
        """Type and body of the answer; an acknowledgement is an answer too."""
        body = _LINK.pack(
            socket.AF_UNSPEC, 0, socket.if_nametoindex(self._interface), flags, change
        )
        wanted = _NLM_F_REQUEST | (_NLM_F_ACK if change else 0)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asking:
            asking.settimeout(_ANSWER_S_MAX)
            asking.sendto(_HEADER.pack(_HEADER.size + len(body), kind, wanted, 1, 0) + body, (0, 0))
            answer = asking.recv(_ANSWER_BYTES_MAX)
        found = _HEADER.unpack_from(answer)[1]
        if found == _NLMSG_ERROR and (code := _ERROR.unpack_from(answer, _HEADER.size)[0]):
            raise self._failed(-code)
        return found, answer[_HEADER.size :]

    def _failed(self, code: int) -> NativeError:
        text = f"interface {self._interface} can't be set up or down: {os.strerror(code)} ({code})"
        return NativeError(text, code)
