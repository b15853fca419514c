"""How types and shapes are checked while the tests run: beartype, taking an integer where a float is asked for.

A function that speaks of shapes is left to jaxtyping, which remembers what every axis of a call is called. That costs
some ten microseconds a call, and three in four functions have no shape in their signature: beartype alone checks these,
in less than one.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeException

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_types_alone = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_with_shapes = jaxtyping.jaxtyped


def install(package: str) -> None:
    """Check every function and dataclass of `package` from its import on."""
    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(package, "shape_checks.checked")


def jaxtyped(what: Any = None, *, typechecker: Any = None) -> Any:
    """Stand for the decorator of jaxtyping, which the import hook writes before functions and classes."""
    if what is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if inspect.isclass(what):
        if is_dataclass(what) and not hasattr(what.__init__, "types_alone"):
            what.__init__ = jaxtyped(what.__init__, typechecker=typechecker)
        return what
    return _quick(what) or _with_shapes(what, typechecker=typechecker)


def _quick(function: Any) -> Callable[..., Any] | None:
    """Check types alone, or return None where that is not enough."""
    if not inspect.isfunction(function) or inspect.isgeneratorfunction(function):
        return None
    told = function.__annotations__
    hints = {name: _resolved(hint, function.__globals__) for name, hint in told.items()}
    if any(map(_speaks_of_shapes, hints.values())):
        return None
    function.__annotations__ = hints
    try:
        strict = _types_alone(function)
    except BeartypeException:
        return None
    finally:
        function.__annotations__ = told

    @functools.wraps(function)
    def types_alone(*args: Any, **kwargs: Any) -> Any:
        return (function if jaxtyping.config.jaxtyping_disable else strict)(*args, **kwargs)

    types_alone.types_alone = True  # type: ignore[attr-defined]
    return types_alone


def _resolved(hint: Any, names: dict[str, Any]) -> Any:
    """Return what an annotation means, or Any where that cannot be told yet, as jaxtyping does."""

    def stand_in(value: Any) -> None:
        del value

    stand_in.__annotations__ = {"value": hint}
    try:
        return get_type_hints(stand_in, names, include_extras=True)["value"]
    except Exception:  # noqa: BLE001  names that are only there for type checkers, or not yet
        return Any


def _speaks_of_shapes(hint: Any) -> bool:
    if inspect.isclass(hint) and not get_args(hint):
        return issubclass(hint, jaxtyping.AbstractArray)
    parts = hint if isinstance(hint, list) else get_args(hint)
    return any(map(_speaks_of_shapes, parts))
