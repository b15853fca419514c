"""Weights by hand: a head that attends as told, rectified units, channels that do not overlap."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.methods.self_correction.wiring import Channels, Head, Units, blank  # noqa: E402


def test_channels_do_not_overlap_and_the_width_suits_the_heads() -> None:
    channels = Channels(4, a=2, b=1, c=3)
    assert [channels[name] for name in "abc"] == [[0, 1], [2], [3, 4, 5]]
    assert channels.width == 8
    assert Channels(3, a=3).width == 3
    with pytest.raises(KeyError):
        channels["d"]


def test_a_blank_transformer_changes_nothing_and_learns_nothing() -> None:
    model, blocks = blank(Channels(2, a=4), heads=2, depth=3, units=5)
    tokens = torch.randn(1, 3, 4, dtype=torch.float64)
    assert torch.equal(model(tokens), tokens)
    assert len(blocks) == 3
    assert not any(weight.requires_grad for weight in model.parameters())


def test_a_head_attends_by_the_scores_it_was_given() -> None:
    channels = Channels(2, x=2, bias=1, out=2)
    model, blocks = blank(channels, heads=2, depth=1, units=1)
    head = Head(blocks[0].attention, 1, channels)
    head.score({"x": 2.0}, {"x": 1.0})
    head.score({"bias": 1.0}, {"bias": -3.0})
    head.carry({"x": 1.0}, "out")
    tokens = torch.randn(1, 4, channels.width, dtype=torch.float64)
    x, bias = tokens[0][:, channels["x"]], tokens[0][:, channels["bias"]]
    weights = torch.softmax(2 * x @ x.T - 3 * bias @ bias.T, dim=1)
    expected = tokens[0].clone()
    expected[:, channels["out"]] += weights @ x
    torch.testing.assert_close(model(tokens)[0], expected)


def test_units_rectify_and_pairs_of_them_are_linear() -> None:
    channels = Channels(1, x=2, y=2, z=1)
    units = Units(channels)
    units.linear("x", {"y": 3.0, "x": -1.0})
    units.unit({"z": 1.0}, -0.5, {"z": 2.0})
    assert len(units) == 5
    model, blocks = blank(channels, heads=1, depth=1, units=8)
    units.write(blocks[0])
    made = model(torch.tensor([[[1.0, -2.0, 0.0, 0.5, 0.25], [0.0, 1.0, 0.0, 0.0, 1.5]]]).double())
    assert made.tolist() == [[[0.0, 0.0, 3.0, -5.5, 0.25], [0.0, 0.0, 0.0, 3.0, 3.5]]]
