"""The sliced cross-entropy beside torch's own."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")

from torch.nn.functional import cross_entropy, linear  # noqa: E402

from consilience.methods.pretraining_objectives import cross_entropy as module  # noqa: E402
from consilience.methods.pretraining_objectives.cross_entropy import weighted_cross_entropy  # noqa: E402

ITEMS, WIDTH, WORDS = 37, 5, 11


def given(dtype: torch.dtype) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((ITEMS, WIDTH), (WORDS, WIDTH), (WORDS,))
    return [torch.randn(*shape, generator=generator).to(dtype).requires_grad_() for shape in shapes]


TARGETS = torch.randint(WORDS, (ITEMS,), generator=torch.Generator().manual_seed(1))
WEIGHTS = torch.rand(ITEMS, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("slice_bytes", [1, 10 * 4 * WORDS, 2**20])
@pytest.mark.parametrize("biased", [True, False])
def test_value_and_gradients_are_torchs(slice_bytes, biased, monkeypatch) -> None:
    monkeypatch.setattr(module, "SLICE_BYTES", slice_bytes)
    ours, theirs = given(torch.float32), given(torch.float32)
    found = weighted_cross_entropy(ours[0], ours[1], ours[2] if biased else None, TARGETS, WEIGHTS)
    logits = linear(theirs[0], theirs[1], theirs[2] if biased else None)
    expected = (cross_entropy(logits, TARGETS, reduction="none") * WEIGHTS).sum()
    (3 * found).backward()
    (3 * expected).backward()
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    for one, other in zip(ours[: 2 + biased], theirs, strict=False):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_half_precision_is_right_to_its_precision_and_keeps_its_type() -> None:
    ours, theirs = given(torch.bfloat16), given(torch.bfloat16)
    found = weighted_cross_entropy(ours[0], ours[1], None, TARGETS, WEIGHTS)
    expected = (cross_entropy(linear(theirs[0], theirs[1]).float(), TARGETS, reduction="none") * WEIGHTS).sum()
    found.backward()
    expected.backward()
    assert found.dtype == torch.float32
    assert float(found.detach()) == pytest.approx(float(expected.detach()), rel=1e-2)
    assert ours[0].grad.dtype == torch.bfloat16
    torch.testing.assert_close(ours[1].grad, theirs[1].grad, rtol=0.1, atol=0.05)


def test_large_logits_do_not_overflow_and_nothing_is_nothing() -> None:
    states = torch.full((1, WIDTH), 1e4)
    unembedding = torch.eye(WORDS, WIDTH)
    assert float(weighted_cross_entropy(states, unembedding, None, TARGETS[:1] * 0, WEIGHTS[:1] * 0 + 1)) < 2
    assert float(weighted_cross_entropy(states[:0], unembedding, None, TARGETS[:0], WEIGHTS[:0])) == 0


def test_no_gradient_is_made_where_none_is_asked_for() -> None:
    states, unembedding, _ = given(torch.float32)
    weighted_cross_entropy(states, unembedding.detach(), None, TARGETS, WEIGHTS).backward()
    assert states.grad is not None


def test_a_gradient_is_given_once_rather_than_wrong_the_second_time() -> None:
    states, unembedding, _ = given(torch.float32)
    loss = 0.5 * weighted_cross_entropy(states, unembedding, None, TARGETS, WEIGHTS)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="can be asked for once"):
        loss.backward()
