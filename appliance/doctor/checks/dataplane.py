"""The running data plane: whether it starts, and whether its ports have a link."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.paths import socket_path
from appliance.doctor.context import Context, Finding, Status
from dataplane.base.errors import DataplaneAwayError, LeaseBusyError
from dataplane.base.process import failure

_JOURNAL = "journalctl -b -u secbeat-dataplane"


def check_dataplane(context: Context) -> Iterator[Finding]:
    """The check of a running data plane; before a rollout there is none, which is no fault."""
    if context.config is None:
        return
    socket = socket_path(context.config)
    try:
        stats = context.ask_dataplane(socket)
    except LeaseBusyError as error:
        yield Finding("data plane", Status.OK, f"runs, and answers nobody else now: {error}")
        return
    except DataplaneAwayError:
        said = failure.noted(context.host.path(str(socket.parent)))
        if said is None:
            why = "it does not run, or only root may see it"
            yield Finding("data plane", Status.OK, "none answers", why)
        else:
            why = "this is its last line; it is started again and again"
            what = f"NOT FORWARDING, does not start: {said}"
            yield Finding("data plane", Status.FAIL, what, why, _JOURNAL)
        return
    yield Finding("data plane", Status.OK, stats.state)
    for name, port in stats.ports.items():
        if not port.link_up:
            why = "NOT FORWARDING: nothing passes while one of the two data ports has none"
            command = f"{_JOURNAL} | grep 'link changed'   # cable, switch, or the VM's network"
            yield Finding(f"link {name}", Status.FAIL, "no link", why, command)
