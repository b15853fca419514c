"""Other ways of watching a model than the probe, and what any of them takes in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

__all__ = ["Nothing", "cached", "empty_hooks", "peak_bytes"]


@contextmanager
def cached(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Keep the output of every block while the model runs, as tools do that hand out activations."""
    cache: dict[str, Tensor] = {}
    blocks = list(model.get_submodule("blocks").named_children())

    def keeping(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda _module, _args, output: cache.update({name: output})

    handles = [block.register_forward_hook(keeping(name)) for name, block in blocks]
    try:
        yield cache
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def empty_hooks(model: nn.Module) -> Iterator[None]:
    """Call a function that does nothing after every block."""
    blocks = model.get_submodule("blocks").children()
    handles = [block.register_forward_hook(lambda *_: None) for block in blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once while something ran, temporaries of kernels included.

    torch's profiler writes every allocation of the processor's memory into its trace, with its size and its time.
    """
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        run()
    with tempfile.TemporaryDirectory() as scratch:
        trace = Path(scratch) / "trace.json"
        watched.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    sizes = [(event["ts"], event["args"]["Bytes"]) for event in events if event.get("name") == "[memory]"]
    changes = [size for _, size in sorted(sizes, key=lambda pair: pair[0])]
    return int(max(np.cumsum(changes), default=0))


class Nothing(nn.Module):
    """As many blocks as the model has, which do nothing: what is allocated then is the probe's own."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Identity()) for _ in range(depth))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the tokens, once through every block."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens
