"""An event loop on which nobody waits: when nothing is ready, its time passes at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class FastLoop(asyncio.SelectorEventLoop):
    """Jumps to the next thing to do: minutes of waiting take none."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0]._when)
        super()._run_once()


def run_fast(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(work)


def loop_time() -> float:
    return asyncio.get_running_loop().time()
