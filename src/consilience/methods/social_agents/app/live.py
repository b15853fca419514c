"""Live: tells open pages that something of theirs has changed, and never what.

A stream carries names such as ``task-7``; the page then asks for what it shows, as anybody who looks at it would, and
is let in or not by the one table. So nothing can be learned from a stream that its reader may not see.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable

__all__ = ["Live"]

MOST_STREAMS = 12
"""Open pages of one person; the oldest is closed for another."""
MOST_WAITING = 200
"""Names that wait for a page that does not read; it is told to look at everything anew."""
ALL = "all"
"""The name that stands for everything."""
_END = ""


class Live:
    """The open pages of all people. It belongs to one event loop; `tell` may be called from any thread."""

    def __init__(self, *, beat_s: float = 15.0) -> None:
        self._beat_s = beat_s
        self._pages: dict[str, list[asyncio.Queue[str]]] = defaultdict(list)
        self._told: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Belong to the running loop."""
        self._loop = asyncio.get_running_loop()

    def tell(self, handles: Iterable[str], *names: str) -> None:
        """Tell the pages of some people that what these names stand for has changed."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, tuple(handles), names)

    def told(self, handle: str) -> int:
        """Return how often somebody was told something: a page that was made before a stream began, may be old."""
        return self._told[handle]

    def end(self, handle: str | None = None) -> None:
        """Close the pages' streams of somebody, or of everybody."""
        if self._loop is not None and not self._loop.is_closed():
            everybody = tuple(self._pages) if handle is None else (handle,)
            self._loop.call_soon_threadsafe(self._put, everybody, (_END,))

    async def stream(self, handle: str, still: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Give what a page is sent, until its session ends.

        Parameters
        ----------
        handle
            Whose page.
        still
            Whether the session still stands; asked before each thing that is sent.
        """
        queue: asyncio.Queue[str] = asyncio.Queue()
        pages = self._pages[handle]
        pages.append(queue)
        for old in pages[:-MOST_STREAMS]:
            old.put_nowait(_END)
        try:
            yield f"retry: 2000\nevent: at\ndata: {self._told[handle]}\n\n".encode()
            while True:
                try:
                    name = await asyncio.wait_for(queue.get(), self._beat_s)
                except TimeoutError:
                    name = None
                if name == _END or not await asyncio.to_thread(still):
                    return
                yield b": still here\n\n" if name is None else f"event: changed\ndata: {name}\n\n".encode()
        finally:
            pages.remove(queue)
            if not pages:
                self._pages.pop(handle, None)

    def _put(self, handles: Iterable[str], names: tuple[str, ...]) -> None:
        for handle in handles:
            self._told[handle] += 1
            for queue in self._pages.get(handle, ()):
                if queue.qsize() > MOST_WAITING:
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(ALL)
                for name in names:
                    queue.put_nowait(name)
