"""Features on their way through a model: hooks that look at its first forward pass, and are gone whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from consilience.ground.errors import InvalidInput

__all__ = ["Capture"]


class Capture:
    """Keeps what chosen modules put out during the first forward pass of a model, as a context manager.

    Only the first pass counts, for a trainer runs the policy before the reference, and with adapters both run through
    the same modules. A hook inside a checkpointed block must not compute, or the block would differ when it is
    computed again; so modules only hand over their output, and `keep` is applied when the whole pass has ended.

    Parameters
    ----------
    model
        What is called: the outermost module, adapters included, parallel wrappers excluded.
    modules
        Whose outputs to keep, by any key.
    keep
        What to keep of an output; all of it unless given.

    Attributes
    ----------
    features : dict
        What was kept, by key; complete after the first pass.

    Examples
    --------
    >>> import torch
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> with Capture(model, {"first": model[0]}) as captured:
    ...     made, again = model(torch.ones(1, 2)), model(torch.zeros(1, 2))
    >>> bool((captured["first"].relu() == made).all()), len(model._forward_hooks)
    (True, 0)
    """

    def __init__(
        self, model: nn.Module, modules: Mapping[Any, nn.Module], keep: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        self._model = model
        self._modules = modules
        self._keep = keep or (lambda output: output)
        self._raw: dict[Any, Tensor] = {}
        self._done = False
        self._attached = ExitStack()
        self.features: dict[Any, Tensor] = {}

    def __enter__(self) -> Capture:
        """Attach the hooks."""
        for key, module in self._modules.items():
            self._attached.callback(module.register_forward_hook(self._hook(key)).remove)
        self._attached.callback(self._model.register_forward_hook(self._ended).remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the hooks and let go of whatever an interrupted pass had left."""
        self._attached.close()
        self._raw.clear()

    def __getitem__(self, key: Any) -> Tensor:
        """Return what was kept of a module.

        Raises
        ------
        InvalidInput
            If the model was not called, or did not use the module.
        """
        if key not in self.features:
            raise InvalidInput(
                f"expected the model to run through layer {key} once; it did not: name a module that every forward "
                "pass uses"
            )
        return self.features[key]

    def _hook(self, key: Any) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if not self._done and key not in self._raw:
                self._raw[key] = output[0] if isinstance(output, tuple) else output

        return hook

    def _ended(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        if self._done:
            return
        self._done = True
        self.features = {key: self._keep(output) for key, output in self._raw.items()}
        self._raw.clear()
