"""A session with the management API: sends requests, and converts every failure to one error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

import requests

from appliance.cli.client.ahead import ahead
from appliance.cli.client.answers import Answer, refused
from appliance.cli.client.keyfile import (
    DEFAULT_FILES,
    VARIABLES,
    Key,
    KeyMissingError,
    find_key,
)
from appliance.cli.client.outlasting import outlast
from appliance.cli.client.problems import (
    NotTheApiError,
    RefusedError,
    TryLaterError,
    UnavailableError,
    is_of_the_api,
    problem_lines,
)
from appliance.cli.client.urls import checked_url, is_local
from appliance.cli.exits import Exit
from appliance.cli.terminal.output import warn
from dataplane.base.version import version

CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 30.0
UPLOAD_TIMEOUT_S = 600.0
SILENCE_TIMEOUT_S = 45.0
"""Time limit of a silent stream: it sends a heartbeat every 15 s."""
POLL_S = 0.2
PAGE_MAX = 1000
PATIENCE_S = 300.0
"""Total wait of one request while the API answers that it is to be sent again later."""
_OF_A_PROXY = (502, 503, 504)
"""A TLS terminator or a load balancer answers so, without JSON, while the API is away."""

Query = Mapping[str, str | int | None]
T = TypeVar("T")


class Rewindable(Protocol):
    """A body that can be sent more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[bytes]: ...

    @property
    def is_sent(self) -> bool:
        """Whether it was read to its end since the last `rewind`."""
        ...

    def rewind(self) -> None:
        """Go back to the start of the body."""
        ...


class NodeApi:
    """The management API of one node."""

    CALLED: ClassVar[str] = "management API"
    OPTION: ClassVar[str] = ""
    """Option, after a blank, with which a command sends its request to this API."""
    VARIABLES: ClassVar[Sequence[str]] = VARIABLES

    def __init__(
        self,
        url: str,
        key: Key,
        session: requests.Session | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._base = f"{url}/api/v1"
        self._url = url
        self._key = key
        self._patience_s = patience_s
        self._session = session or requests.Session()
        # The key is not sent to a proxy that the environment names for other purposes.
        self._session.trust_env = not is_local(url)
        self._key_place = key.place
        self._session.headers["X-SecBeat-API-Key"] = key.text
        self._session.headers["User-Agent"] = f"secbeat/{version()}"

    @classmethod
    def open(cls, url: str, key_file: Path | None) -> Self:
        """A session with the API at ``url``, with the key for it.

        Raises:
            typer.BadParameter: the URL is invalid.
            KeyMissingError: no key was found.
            UnavailableError: no key was found, and no API on this host answers.
        """
        url = checked_url(url)
        files = cls.default_files() if is_local(url) else ()
        try:
            return cls(url, find_key(key_file, os.environ, files, cls.VARIABLES))
        except KeyMissingError as missing:
            if is_local(url):
                cls(url, Key("", ""))._expect_answer()
            raise missing from None

    @classmethod
    def default_files(cls) -> Sequence[Path]:
        """Paths of key files on this host."""
        return DEFAULT_FILES

    def another(self, patience_s: float) -> Self:
        """Another session with the same API, for another thread."""
        return type(self)(self._url, self._key, patience_s=patience_s)

    def get(self, path: str, query: Query | None = None) -> Answer:
        """GET a resource; ``path`` is below ``/api/v1`` and already quoted."""
        return self._send("GET", path, params=query)

    def post(self, path: str, body: object, query: Query | None = None) -> Answer:
        """POST a JSON body."""
        return self._send("POST", path, json=body, params=query)

    def post_long(self, path: str, body: object) -> Answer:
        """POST a JSON body whose work may take as long as that of an upload.

        Sent again after a 503 too: a second time must change nothing further. After
        KeyboardInterrupt a message names the command that shows the result.
        """

        def send() -> Answer:
            with self._warned_of_commit(path, lambda: True):
                response = self._request("POST", path, json=body, answer_timeout_s=UPLOAD_TIMEOUT_S)
            return self._decoded(response)

        return self._patiently(send, TryLaterError, UnavailableError)

    def put(self, path: str, body: object, query: Query | None = None) -> Answer:
        """PUT a JSON body."""
        return self._send("PUT", path, json=body, params=query)

    def patch(self, path: str, body: object) -> Answer:
        """PATCH with a JSON body."""
        return self._send("PATCH", path, json=body)

    def delete(self, path: str, query: Query | None = None) -> Answer:
        """DELETE a resource."""
        return self._send("DELETE", path, params=query)

    def upload(
        self, path: str, body: Rewindable, content_type: str, query: Query, request_id: str
    ) -> Answer:
        """POST a body; the API answers when all of it is committed.

        Sent again after a 503 too: a second time must change nothing further. After
        KeyboardInterrupt a message tells whether the API may still commit.
        """

        def send() -> Answer:
            body.rewind()
            with self._warned_of_commit(path, lambda: body.is_sent):
                response = self._request(
                    "POST",
                    path,
                    params=query,
                    data=body,
                    headers={"Content-Type": content_type, "X-Request-ID": request_id},
                    answer_timeout_s=UPLOAD_TIMEOUT_S,
                )
            return self._decoded(response)

        return self._patiently(send, TryLaterError, UnavailableError)

    def download(self, path: str) -> bytes:
        """GET an answer that is not JSON."""
        return self._patiently(lambda: self._expected(self._request("GET", path))).content

    def follow(self, path: str, query: Query, last: str | None) -> Iterator[bytes]:
        """Lines of a stream, from the event after the last one that the caller has, until it ends.

        Raises `UnavailableError` when the connection breaks.
        """
        headers = {"Accept": "text/event-stream"} | (
            {} if last is None else {"Last-Event-ID": last}
        )
        how = {"params": query, "headers": headers, "stream": True}
        response = self._patiently(
            lambda: self._expected(
                self._request("GET", path, answer_timeout_s=SILENCE_TIMEOUT_S, **how)
            )
        )
        with response:
            try:
                yield from response.iter_lines(chunk_size=None)  # without buffering
            except requests.RequestException as error:
                raise UnavailableError(self._away(error)) from error

    def pages(self, path: str, query: Query) -> Iterator[dict[str, Any]]:
        """Every page of a list, from the first to the last; read ahead after the first."""

        def get(cursor: str | None) -> dict[str, Any]:
            return dict(self.get(path, {**query, "limit": PAGE_MAX, "cursor": cursor}).body)

        def after(cursor: str | None) -> Iterator[dict[str, Any]]:
            while cursor is not None:
                page = get(cursor)
                yield page
                cursor = page.get("next_cursor")

        first = get(None)
        following = first.get("next_cursor")
        rest = iter(()) if following is None else ahead(after(following))
        yield first
        yield from rest

    def wait_in_force(
        self, revision: int, timeout_s: float, path: str = "revisions"
    ) -> dict[str, Any]:
        """Poll a revision for at most ``timeout_s`` seconds until it is not pending; returns its
        body.

        Raises:
            TryLaterError: it is still pending after this time, or the API does not answer then.
            RefusedError: the node has rejected it.
        """
        try:
            return self._polled(revision, timeout_s, path)
        except KeyboardInterrupt:
            warn(f"interrupted: revision {revision} is committed, and may not be in force yet")
            raise

    def _polled(self, revision: int, timeout_s: float, path: str) -> dict[str, Any]:
        until = time.monotonic() + timeout_s
        late = f"revision {revision} is committed and still pending after {timeout_s:g} s"
        while True:
            ask = partial(self.get, f"{path}/{revision}")
            body: dict[str, Any] = outlast(ask, late, until - time.monotonic()).body
            state = body.get("state")
            if state == "rejected":
                reason = body.get("reason") or "the node gives no reason"
                raise RefusedError(f"revision {revision} was rejected: {reason}")
            if state != "pending":
                return body
            if time.monotonic() >= until:
                raise TryLaterError(late + _where(body))
            time.sleep(POLL_S)

    def _patiently(self, ask: Callable[[], T], *waits_for: type[RefusedError]) -> T:
        """Repeat the request when the API asks for it with Retry-After.

        Args:
            waits_for: the errors after which the request is repeated; default: only 429, which has
                not processed the request. After another one the message names the time.
        """
        until = time.monotonic() + self._patience_s
        while True:
            try:
                return ask()
            except (TryLaterError, UnavailableError) as error:
                wait_s = error.retry_after_s
                if not wait_s:
                    raise
                is_waited_for = isinstance(error, waits_for or TryLaterError)
                if not is_waited_for or time.monotonic() + wait_s > until:
                    error.args = (f"{error}\nthe API asks to try again in {wait_s} s",)
                    raise
                warn(f"{'; '.join(str(error).splitlines())}; trying again in {wait_s} s")
                time.sleep(wait_s)

    @contextmanager
    def _warned_of_commit(self, path: str, is_sent: Callable[[], bool]) -> Iterator[None]:
        """Prints a message if the user interrupts the request: the API goes on without its
        client."""
        try:
            yield
        except KeyboardInterrupt:
            if is_sent():
                noun = path.partition("/")[0]
                warn(
                    "interrupted: the request is sent, and the API may still commit it; "
                    f"`secbeat {noun} list{self.OPTION}` shows the result"
                )
            else:
                warn("interrupted: the request was not complete, so the API changes nothing")
            raise

    def _expect_answer(self) -> None:
        """Raise UnavailableError when nothing answers; any answer is sufficient."""
        try:
            self.get("health/live")  # needs no key
        except UnavailableError:
            raise
        except (NotTheApiError, RefusedError):
            return

    def _away(self, error: BaseException) -> str:
        return f"{self._url}: the {self.CALLED} can't be reached: {_why(error)}"

    def _send(self, method: str, path: str, **how: Any) -> Answer:
        return self._patiently(lambda: self._decoded(self._request(method, path, **how)))

    def _request(
        self, method: str, path: str, *, answer_timeout_s: float = ANSWER_TIMEOUT_S, **how: Any
    ) -> requests.Response:
        try:
            return self._session.request(
                method,
                f"{self._base}/{path}",
                # On a redirect, requests would send the key to the new address.
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT_S, answer_timeout_s),
                **how,
            )
        except requests.Timeout as error:
            raise TryLaterError(f"{self._url}: no answer in time") from error
        except requests.RequestException as error:
            raise UnavailableError(self._away(error)) from error

    def _expected(self, response: requests.Response) -> requests.Response:
        """The response, if it is a success; else raises an error from its problem document."""
        if not response.ok or response.is_redirect:
            self._decoded(response)
        return response

    def _decoded(self, response: requests.Response) -> Answer:
        if response.status_code == requests.codes.no_content:
            return Answer(response.status_code, None, response.headers.get("Location"))
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
        if not isinstance(body, dict) and (response.content or not response.ok):
            if response.status_code in _OF_A_PROXY:
                raise UnavailableError(
                    f"{self._url}: a proxy answers in place of the {self.CALLED} "
                    f"(HTTP {response.status_code})"
                )
            raise NotTheApiError(
                f"{self._url}: the answer is not from a {self.CALLED} (HTTP {response.status_code})"
            )
        if not response.ok and not is_of_the_api(response.status_code, body or {}):
            detail = "; ".join(problem_lines(response.status_code, body or {}))
            raise NotTheApiError(f"{self._url}: the answer is not from a {self.CALLED}: {detail}")
        if not response.ok or response.is_redirect:
            raise self._refusal(response, body or {})
        return Answer(response.status_code, body, response.headers.get("Location"))

    def _refusal(self, response: requests.Response, problem: dict[str, Any]) -> RefusedError:
        """The error for a key that is invalid or not permitted: it also names the key's source."""
        error = refused(response, problem)
        if error.exit_code == Exit.NO_PERMISSION and self._key_place:
            error.args = (f"{error}\nthe key came from {self._key_place}",)
        return error


def _where(body: dict[str, Any]) -> str:
    """The nodes of a fleet on which a revision is pending."""
    behind = [str(each["node"]) for each in body.get("without", ()) if each["state"] == "pending"]
    if not behind:
        return ""
    nodes = body["nodes"]
    return f" on {nodes['pending']} of {nodes['of']} nodes: {', '.join(behind)}"


def _why(error: BaseException) -> str:
    """The innermost cause in the system's words: the text of requests is very long."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        seen = seen.__cause__ or seen.__context__
    return type(error).__name__
