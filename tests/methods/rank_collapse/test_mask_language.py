"""The mask language: what it reads, and what it says of what it cannot read."""

import pytest

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.rank_collapse.mask_language import parse_mask
from consilience.methods.rank_collapse.masks import Block, Causal, Complete, Dilated, Global, Ring, Window


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("causal", Causal()),
        ("  Causal\n", Causal()),
        ("window(8) | global(1)", Window(8) | Global(1)),
        ("window( 8 ,0 )", Window(8, 0)),
        ("~block(4)", ~Block(4)),
        ("causal & window(4)", Causal() & Window(4)),
        ("causal | window(1) & ~block(2)", Causal() | (Window(1) & ~Block(2))),
        ("(causal | window(1)) & block(2)", (Causal() | Window(1)) & Block(2)),
        ("ring", Ring(1)),
        ("ring(3)", Ring(3)),
        ("dilated(2,4)", Dilated(2, 4)),
        ("~~complete", ~~Complete()),
    ],
)
def test_it_reads(text, mask) -> None:
    assert parse_mask(text) == mask


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a kind of mask.*at character 1 .*got the end"),
        ("causal &", "expected a kind of mask.*got the end"),
        ("causal window(2)", r"expected '&', '\|' or the end at character 8"),
        ("(causal", r"expected '\)'.*got the end"),
        ("causal)", "expected '&'"),
        ("window(2", r"expected '\)'"),
        ("window()", "expected a whole number"),
        ("window(-1)", "got '-' at character 8"),
        ("window(1.5)", r"got '\.'"),
        ("window", r"window\(before, after\), the last 1 optional; got 0 numbers"),
        ("window(1, 2, 3)", "got 3 numbers"),
        ("causal(2)", "causal without numbers; got 1"),
        ("window(" + 5000 * "9" + ")", "expected a number of at most 10 digits"),
        ("block(9999999999)", "`size` must be a whole number of at least 1"),
        ("block(0)", "`size` must be a whole number of at least 1 and at most 2147483647; got 0"),
        ("8", "expected a kind of mask"),
        ("__import__('os')", 'got "\'" at character 12'),
        ("(" * 100 + "causal" + ")" * 100, "nested 64 deep"),
        ("~" * 5000 + "causal", "nested 64 deep"),
    ],
)
def test_it_says_what_it_cannot_read(text, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_mask(text)


def test_a_slip_is_answered_by_the_nearest_kind() -> None:
    with pytest.raises(UnknownName, match="did you mean 'window'"):
        parse_mask("causal & windw(4)")
    with pytest.raises(UnknownName, match="unknown mask 'zebra'"):
        parse_mask("zebra")
