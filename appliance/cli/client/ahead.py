"""Reads ahead: the next page is requested while the one before is printed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from typing import Generic, TypeVar

T = TypeVar("T")


class _End(Generic[T]):
    """The end of the items, and the error that has ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The items in order, at most two taken before the caller asks for them.

    They are taken at once, by a daemon thread: Ctrl-C does not wait for a request. An error of the
    items is raised at its place.
    """
    taken: Queue[T | _End[T]] = Queue(maxsize=1)

    def take() -> None:
        try:
            for item in items:
                taken.put(item)
        except BaseException as error:
            taken.put(_End(error))
        else:
            taken.put(_End())

    threading.Thread(target=take, daemon=True).start()
    return _given(taken)


def _given(taken: Queue[T | _End[T]]) -> Iterator[T]:
    while not isinstance(item := taken.get(), _End):
        yield item
    if item.error is not None:
        raise item.error
