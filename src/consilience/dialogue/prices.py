"""What tokens cost at their provider, by the list that the package genai-prices carries; nothing is fetched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from consilience.dialogue.messages import Usage
from consilience.ground.late import late_module

__all__ = ["money", "price"]

_ALIASES = {
    "bedrock": "aws",
    "fireworks-ai": "fireworks",
    "gemini": "google",
    "github": "azure",
    "google-cloud": "google",
    "google-gla": "google",
    "google-vertex": "google",
    "grok": "x-ai",
    "moonshot": "moonshotai",
    "openai-chat": "openai",
    "openai-responses": "openai",
    "xai": "x-ai",
}
"""Providers whose name for pydantic-ai is not the one of the price list."""

_OWN = frozenset({"rehearsal"})
"""What costs nothing."""

_UNPRICED = frozenset({"compatible"})
"""Endpoints at somebody's address: the same model costs there what they want."""

_MILLION = 1e6


def price(model: str, provider: str | None, usage: Usage) -> float | None:
    """Return what tokens cost in dollars, or None where no price is known.

    Parameters
    ----------
    model
        Name of the model, with or without its provider before a colon.
    provider
        Who serves it; None to take what stands before the colon.
    usage
        Tokens of the question and the reply. Discounts for cached tokens are not taken into account, so that the price
        is a bound.

    Raises
    ------
    MissingDependency
        When the list of prices is not installed.

    Examples
    --------
    >>> price("openai:gpt-4o", None, Usage(input_tokens=1_000_000, output_tokens=100_000))
    3.5
    >>> price("rehearsal:echo", None, Usage(input_tokens=1_000_000))
    0.0
    >>> price("compatible:my-own", None, Usage(input_tokens=1_000_000)) is None
    True
    """
    before, colon, after = model.partition(":")
    if provider is None:
        if not colon:
            return None
        provider, model = before, after
    elif before == provider:
        model = after
    tariff = _tariff(model, provider)
    return None if tariff is None else tariff(usage)


@lru_cache(maxsize=1024)
def _tariff(model: str, provider: str) -> Callable[[Usage], float] | None:
    if provider in _OWN:
        return lambda _: 0.0
    if provider in _UNPRICED:
        return None
    genai_prices = late_module(
        "genai_prices", "prices need {missing}; install consilience[agents]", usually="genai-prices"
    )
    snapshot = late_module("genai_prices.data_snapshot", "prices need {missing}", usually="genai-prices")
    provider = _ALIASES.get(provider, provider)
    try:
        _, found = snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    prices = found.prices
    if isinstance(prices, list):  # they depend on the day or the hour
        return lambda usage: float(
            genai_prices.calc_price(
                genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens),
                model,
                provider_id=provider,
                genai_request_timestamp=datetime.now(tz=UTC),
            ).total_price
        )
    return _linear(prices)


def _linear(prices: Any) -> Callable[[Usage], float]:
    """Return the price as a function that costs a microsecond; the package's own takes fifty."""
    inputs, outputs = _steps(prices.input_mtok), _steps(prices.output_mtok)
    a_request = float(prices.requests_kcount or 0) / 1000.0

    def tariff(usage: Usage) -> float:
        size = usage.input_tokens
        tokens = size * _rate(inputs, size) + usage.output_tokens * _rate(outputs, size)
        return tokens / _MILLION + a_request

    return tariff


def _steps(rate: Any) -> tuple[tuple[int, float], ...]:
    """Return from which size of a question on a million tokens cost how much, the largest size first."""
    if rate is None:
        return ((-1, 0.0),)
    if not hasattr(rate, "tiers"):
        return ((-1, float(rate)),)
    tiers = [(int(tier.start), float(tier.price)) for tier in rate.tiers]
    return (*sorted(tiers, reverse=True), (-1, float(rate.base)))


def _rate(steps: tuple[tuple[int, float], ...], size: int) -> float:
    return next(rate for start, rate in steps if size > start)


def money(usd: float | None) -> str:
    """Return an amount in words.

    Examples
    --------
    >>> money(1234.5), money(0.00123), money(0.0), money(None)
    ('$1234.50', '$0.0012', '$0.00', 'price not known')
    """
    return "price not known" if usd is None else f"${usd:.2f}" if usd >= 1 or not usd else f"${usd:.2g}"
