"""Wording: numbers with the word for what they count."""

__all__ = ["many"]


def many(count: float, word: str) -> str:
    """Return a number with its word, which takes an *s* unless there is one.

    Parameters
    ----------
    count
        Written with commas between thousands and at most ten digits.
    word
        For one of them.

    Examples
    --------
    >>> many(1, "run"), many(0, "run"), many(1234, "benign twin"), many(0.5, "call")
    ('1 run', '0 runs', '1,234 benign twins', '0.5 calls')
    """
    return f"{count:,.10g} {word}{'' if count == 1 else 's'}"
