"""Parses a request from its first byte, as far as its bytes have arrived; see `request`."""

from __future__ import annotations

from dataplane.model.stages.http.framing.body import read_chunks, read_length
from dataplane.model.stages.http.framing.checks import check_head
from dataplane.model.stages.http.framing.headers import read_headers
from dataplane.model.stages.http.framing.line import read_request_line
from dataplane.model.stages.http.framing.reader import BrokenError, MoreError, Reader
from dataplane.model.stages.http.framing.request import HEAD_MAX, Framing, Progress, Request


def read_request(data: bytes) -> Request:
    """The parsed part of the request at the start of these bytes; other requests may follow it."""
    request, reader = Request(), Reader(data[:HEAD_MAX])
    try:
        _read_head(reader, request)
        reader.data = data
        _read_body(reader, request)
        request.progress = Progress.COMPLETE
    except BrokenError as error:
        request.faults.add(error.fault)
        request.progress = Progress.BROKEN
    except MoreError:
        if request.progress is Progress.HEAD and len(data) >= HEAD_MAX:
            request.faults.add("HEAD_SIZE")
            request.progress = Progress.BROKEN
        reader.at = len(data)
    request.fed = reader.at
    return request


def _read_head(reader: Reader, request: Request) -> None:
    read_request_line(reader, request)
    read_headers(reader, request)
    request.head_size = reader.at
    check_head(request)


def _read_body(reader: Reader, request: Request) -> None:
    if request.framing is Framing.NO_BODY:
        return
    request.progress = Progress.BODY
    if request.framing is Framing.LENGTH:
        read_length(reader, request)
    else:
        read_chunks(reader, request)
