"""How types and shapes are checked while the tests run: beartype, taking an integer where a float is asked for.

A function that speaks of shapes is left to jaxtyping, which remembers what every axis of a call is called. That costs
some ten microseconds a call, and three in four functions have no shape in their signature: beartype alone checks these,
in less than one. A function within a function is made anew in every call of the outer one, and decorated anew: what is
checked is worked out the first time.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import is_dataclass
from types import CodeType, FunctionType
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeException

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_types_alone = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=jaxtyping.TypeCheckError))
_with_shapes = jaxtyping.jaxtyped

_FUNCTION = "__beartype_func"
"""Under which name a function that beartype made keeps the one that it checks, as a default of its own."""
_known: dict[CodeType, FunctionType | None] = {}
"""How functions within functions are checked, by their code; None where a signature speaks of shapes."""


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
    strict = _strict_again(function) if "<locals>" in function.__qualname__ else _strict(function)
    if strict is None:
        return None

    @functools.wraps(function)
    def types_alone(*args: Any, **kwargs: Any) -> Any:
        return (function if jaxtyping.config.jaxtyping_disable else strict)(*args, **kwargs)

    types_alone.types_alone = True  # type: ignore[attr-defined]
    return types_alone


def _strict(function: FunctionType) -> FunctionType | None:
    told = function.__annotations__
    hints = {name: _resolved(hint, function.__globals__) for name, hint in told.items()}
    if any(map(_speaks_of_shapes, hints.values())):
        return None
    function.__annotations__ = hints
    try:
        return _types_alone(function)  # type: ignore[no-any-return]
    except BeartypeException:
        return None
    finally:
        function.__annotations__ = told


def _strict_again(function: FunctionType) -> FunctionType | None:
    """Return what `_strict` does, without working out again what an earlier call of the outer function has."""
    code = function.__code__
    if code not in _known:
        _known[code] = _strict(function)
        return _known[code]
    known = _known[code]
    if known is None or _FUNCTION not in (known.__kwdefaults__ or {}):
        return known if known is None else function
    copy = FunctionType(known.__code__, known.__globals__, known.__name__, known.__defaults__, known.__closure__)
    copy.__kwdefaults__ = {**known.__kwdefaults__, _FUNCTION: function}
    return copy


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
