"""The probe on models of all kinds: the numbers are those of a loop by hand, and the model does what it did."""

import json
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    T5Config,
    T5ForConditionalGeneration,
)

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse import measures
from consilience.methods.rank_collapse.findings import ProbeReport
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.probe import RankProbe
from consilience.neural.weights import initialised

IDS = torch.randint(1, 50, (3, 9), generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1] * 9, [1] * 6 + [0] * 3, [0] * 4 + [1] * 5])
SMALL = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


class Block(nn.Module):
    """A block of the kind that people write: attention and a feed-forward part, returned as a tensor."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.mix, self.mlp = nn.Linear(width, width), nn.Sequential(nn.Linear(width, width), nn.Dropout(0.1))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + self.mlp(self.mix(tokens).cumsum(dim=1))


class Model(nn.Module):
    """A list of blocks."""

    def __init__(self, depth: int = 3, width: int = 8) -> None:
        super().__init__()
        self.h = nn.ModuleList(Block(width) for _ in range(depth))

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        for block in self.h:
            tokens = block(tokens)
        return tokens


def made(make: Callable[[], nn.Module]) -> nn.Module:
    return initialised(0, make).eval()


def tokens_of(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def gpt2() -> nn.Module:
    return made(lambda: GPT2LMHeadModel(GPT2Config(n_layer=3, n_embd=16, n_head=2, n_positions=16, **SMALL)))


def by_hand(outputs: list[Tensor], valid: Tensor | None, measure: Callable, precision: torch.dtype) -> list[float]:
    return [float(measure(tokens, valid, precision=precision).value.mean()) for tokens in outputs]


def assert_equals_a_loop(probe: RankProbe, stack: str, outputs: list[Tensor], valid: Tensor | None) -> None:
    """Compare with measures of activations that were kept, to the last bit."""
    for name in ("mu", "relative_mu", "mean_cosine", "mean_absolute_cosine", "effective_rank", "stable_rank"):
        rows = [row for row in probe.report.rows_of(name) if row.stack == stack and row.depth]
        expected = by_hand(outputs, valid, getattr(measures, name), torch.float64)
        assert [row.mean for row in rows] == expected, name


def probed(model: nn.Module, layers=None) -> RankProbe:
    return RankProbe(model, layers, measures=tuple(MEASURES), precision=torch.float64)


def test_a_list_of_blocks() -> None:
    model, tokens, outputs = made(Model), tokens_of(2, 7, 8), []
    with torch.inference_mode():
        here = tokens
        for block in model.h:
            here = block(here)
            outputs.append(here)
        with probed(model, "h.*") as probe:
            assert torch.equal(model(tokens), here)
    assert_equals_a_loop(probe, "h", outputs, None)


def test_gpt2_with_padding_on_both_sides() -> None:
    model = gpt2()
    with torch.inference_mode(), probed(model, "*.h.*") as probe:
        model(input_ids=IDS, attention_mask=MASK)
        kept = model.transformer.h
        outputs: list[Tensor] = []
        handles = [block.register_forward_hook(lambda _m, _a, output: outputs.append(output)) for block in kept]
        probe.paused = True
        model(input_ids=IDS, attention_mask=MASK)
    for handle in handles:
        handle.remove()
    assert_equals_a_loop(probe, "transformer.h", outputs, MASK.bool())
    assert probe.report.batches == 1


def test_bert() -> None:
    config = BertConfig(hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32, vocab_size=50)
    model = made(lambda: BertModel(config))
    with torch.inference_mode():
        with probed(model) as probe:
            model(IDS, MASK)
        hidden = model(IDS, MASK, output_hidden_states=True).hidden_states[1:]
    assert_equals_a_loop(probe, "encoder.layer", list(hidden), MASK.bool())


def test_an_encoder_with_a_decoder_has_two_masks() -> None:
    config = T5Config(d_model=16, num_layers=2, num_heads=2, d_ff=32, d_kv=8, decoder_start_token_id=0, **SMALL)
    model = made(lambda: T5ForConditionalGeneration(config))
    later = MASK.roll(1, 0)
    given = {"input_ids": IDS, "attention_mask": MASK, "decoder_input_ids": IDS, "decoder_attention_mask": later}
    with torch.inference_mode():
        with probed(model) as probe:
            model(**given)
        outputs: dict[str, list[Tensor]] = {"encoder": [], "decoder": []}
        for side, kept in outputs.items():
            for block in model.get_submodule(f"{side}.block"):
                block.register_forward_hook(lambda _m, _a, output, kept=kept: kept.append(output[0]))
        model(**given)
    assert_equals_a_loop(probe, "encoder.block", outputs["encoder"], MASK.bool())
    assert_equals_a_loop(probe, "decoder.block", outputs["decoder"], later.bool())


@pytest.mark.parametrize("batch_first", [True, False])
def test_torch_s_own_encoder(batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first)
    model = made(lambda: nn.TransformerEncoder(layer, 3, enable_nested_tensor=False))
    tokens, outputs = tokens_of(3, 9, 8), []
    hiding = MASK == 0
    given = tokens if batch_first else tokens.transpose(0, 1)
    with torch.inference_mode():
        with probed(model) as probe:
            model(given, src_key_padding_mask=hiding)
        here = given
        for part in model.layers:
            here = part(here, src_key_padding_mask=hiding)
            outputs.append(here if batch_first else here.transpose(0, 1))
    for name in ("mu", "mean_cosine"):
        found = [row.mean for row in probe.report.rows_of(name)]
        assert found == pytest.approx(by_hand(outputs, ~hiding, getattr(measures, name), torch.float64), rel=1e-5)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors:UserWarning")
def test_torch_s_own_encoder_with_nested_tensors() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    nested, plain = (
        made(lambda on=on: nn.TransformerEncoder(layer, 2, enable_nested_tensor=on)) for on in (True, False)
    )
    tokens, hiding = tokens_of(2, 9, 8), MASK[:2] == 0
    found = []
    for model in (nested, plain):
        with torch.inference_mode(), RankProbe(model) as probe:
            model(tokens, src_key_padding_mask=hiding)
        found.append([row.mean for row in probe.report.rows])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_shared_blocks_are_told_apart_by_call() -> None:
    config = AlbertConfig(
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=32,
        vocab_size=50,
        embedding_size=8,
    )
    model = made(lambda: AlbertModel(config))
    with torch.inference_mode(), RankProbe(model, "**.albert_layers.*", measures=("mu",)) as probe:
        for _ in range(2):
            hidden = model(IDS, output_hidden_states=True).hidden_states[1:]
    rows = probe.report.rows_of("mu")
    assert [row.layer.partition("[")[2] for row in rows] == ["", "2]", "3]"]
    assert [row.depth for row in rows] == [1, 2, 3]
    assert [row.sequences for row in rows] == [6, 6, 6]
    assert [row.mean for row in rows] == pytest.approx(
        by_hand(list(hidden), None, measures.mu, torch.float64), rel=1e-6
    )


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("ran_before", [False, True])
def test_compiled_models(backend: str, in_place: bool, ran_before: bool) -> None:
    torch.compiler.reset()
    plain, model, tokens = made(Model), made(Model), tokens_of(2, 7, 8)
    mask = torch.ones(2, 7)
    mask[0, 4:] = 0
    compiled = model if in_place else torch.compile(model, backend=backend)
    if in_place:
        model.compile(backend=backend)
    with torch.inference_mode():
        if ran_before:
            compiled(tokens, attention_mask=mask)
        with RankProbe(plain) as expected:
            plain(tokens, attention_mask=mask)
        with RankProbe(compiled, "h.*") as probe:
            for _ in range(2):
                compiled(tokens, attention_mask=mask)
        compiled(tokens, attention_mask=mask)
    assert probe.report.batches == 2
    assert [row.layer for row in probe.report.rows] == [row.layer for row in expected.report.rows]
    assert [row.mean for row in probe.report.rows] == pytest.approx(
        [row.mean for row in expected.report.rows], rel=1e-6
    )
    torch.compiler.reset()


def test_inputs_are_depth_zero() -> None:
    model, tokens = made(Model), tokens_of(2, 7, 8)
    with torch.inference_mode(), RankProbe(model, inputs=True, precision=torch.float64) as probe:
        model(tokens)
    first = probe.report.rows_of("mu")[0]
    assert (first.layer, first.depth) == ("input of h.0", 0)
    assert first.mean == float(measures.mu(tokens).value.mean())


def test_attention_is_measured_where_it_is_returned() -> None:
    config = GPT2Config(n_layer=2, n_embd=16, n_head=2, n_positions=16, attn_implementation="eager", **SMALL)
    model = made(lambda: GPT2LMHeadModel(config))
    with torch.inference_mode(), RankProbe(model, "*.h.*", attention="*.h.*.attn") as probe:
        weights = model(input_ids=IDS, attention_mask=MASK, output_attentions=True).attentions
    valid = MASK.bool()
    for row, found in zip(probe.report.rows_of("attention_entropy"), weights, strict=True):
        entropy = measures.attention_entropy(found, valid).value.mean(dim=1)
        assert row.mean == pytest.approx(float(entropy.mean()), rel=1e-6)
    allowed = torch.tril(torch.ones(9, 9)).bool() & valid[:, None, :] & valid[:, :, None]
    edges = [float(measures.smallest_edge(found, allowed[:, None]).value.amin(dim=1).mean()) for found in weights]
    assert [row.mean for row in probe.report.rows_of("smallest_edge")] == pytest.approx(edges)


def test_attention_that_is_not_returned_is_recorded() -> None:
    model = gpt2()
    with torch.inference_mode(), RankProbe(model, "*.h.*", attention="*.h.*.attn") as probe:
        model(input_ids=IDS)
    assert "attn_implementation='eager'" in probe.report.unmeasured[0].reason


def hooks_of(model: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules())


def test_it_detaches_when_something_goes_wrong() -> None:
    model = made(Model)
    good, bad = tokens_of(2, 7, 8), tokens_of(2, 7, 5)
    with pytest.raises(RuntimeError, match="cannot be multiplied"), RankProbe(model) as probe:  # noqa: PT012
        model(good)
        model(bad)
    assert hooks_of(model) == 0
    assert {row.sequences for row in probe.report.rows} == {2}


def test_a_failed_call_does_not_leave_its_mask_behind() -> None:
    model, tokens = made(Model), tokens_of(2, 7, 8)
    with torch.inference_mode(), RankProbe(model) as probe:
        with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
            model(tokens_of(2, 7, 5), attention_mask=torch.tensor([[1, 1] + [0] * 5] * 2))
        model.h[0](tokens)
        assert probe.report.rows == ()
        model(tokens)
        expected = measures.mu(model.h[0](tokens)).value.mean()
    assert probe.report.rows_of("mu")[0].mean == pytest.approx(float(expected))


def test_an_attached_probe_cannot_be_attached_again() -> None:
    with RankProbe(made(Model)) as probe, pytest.raises(InvalidInput, match="attached already"):
        probe.attach()
    probe.attach()
    probe.detach()


def test_every_so_many_calls() -> None:
    model, tokens = made(Model), tokens_of(2, 7, 8)
    with torch.inference_mode(), RankProbe(model, every=3) as probe:
        for _ in range(7):
            model(tokens)
    assert probe.report.batches == 3
    assert {row.sequences for row in probe.report.rows} == {6}


@pytest.mark.parametrize("every", [0, -1])
def test_every_is_at_least_one(every: int) -> None:
    with pytest.raises(InvalidInput, match=f"at least 1; got {every}"):
        RankProbe(made(Model), every=every)


def test_bad_activations_are_recorded_with_layer_and_reason() -> None:
    model, tokens = made(Model), tokens_of(3, 7, 8)
    tokens[1, 0, 0] = torch.nan
    with torch.inference_mode(), RankProbe(model, measures=("mu", "effective_rank", "mean_absolute_cosine")) as probe:
        model(tokens)
        model(tokens[:, :1])
    assert {row.sequences for row in probe.report.rows} == {2}
    reasons = {(one.layer, one.reason.partition(": ")[2][:12]): one.times for one in probe.report.unmeasured[:3]}
    assert reasons[("h.0", "NaN or infin")] == 1
    assert any("a sequence of one token" in one.reason and one.times == 3 for one in probe.report.unmeasured)


def test_training_and_dropout_are_recorded() -> None:
    model, tokens = made(Model), tokens_of(2, 7, 8)
    with RankProbe(model) as probe:
        model(tokens)
        model.train()
        model(tokens).sum().backward()
    assert (probe.report.batches, probe.report.training_batches, probe.report.dropout) == (2, 1, 0.1)


def test_gradients_are_those_without_a_probe() -> None:
    model, tokens = made(Model), tokens_of(2, 7, 8)
    model(tokens).square().sum().backward()
    before = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    with RankProbe(model, measures=tuple(MEASURES)):
        model(tokens).square().sum().backward()
    assert all(torch.equal(old, weight.grad) for old, weight in zip(before, model.parameters(), strict=True))


class Checkpointed(Model):
    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        for block in self.h:
            tokens = checkpoint(block, tokens, use_reentrant=False)
        return tokens


def test_what_is_computed_again_is_measured_once() -> None:
    model, tokens = made(Checkpointed), tokens_of(2, 7, 8).requires_grad_()
    with RankProbe(model) as probe:
        model(tokens).sum().backward()
    assert {row.sequences for row in probe.report.rows} == {2}


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
def test_other_types(kind: torch.dtype) -> None:
    model, tokens = made(Model).to(kind), tokens_of(2, 7, 8).to(kind)
    with torch.inference_mode(), RankProbe(model) as probe:
        model(tokens)
    assert probe.report.types == (str(kind).removeprefix("torch."),)
    row = probe.report.rows_of("relative_mu")[0]
    assert row.floor == pytest.approx(10 * torch.finfo(kind).eps)


def test_autocast_does_not_reach_the_measures() -> None:
    model, tokens, names = made(Model), tokens_of(2, 70, 8), ("mean_absolute_cosine", "mean_cosine")
    outputs = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), RankProbe(model, measures=names) as probe:
        model.h[2].register_forward_hook(lambda _m, _a, output: outputs.append(output))
        model(tokens)
    last = probe.report.rows[-2:]
    for row in last:
        expected = float(getattr(measures, row.measure)(outputs[0]).value.mean())
        assert row.mean == pytest.approx(expected, rel=1e-5)


def test_nothing_of_an_activation_is_kept() -> None:
    model, seen = made(Model), []
    for block in model.h:
        block.register_forward_hook(lambda _m, _a, output: seen.append(weakref.ref(output)))
    with torch.inference_mode(), RankProbe(model, measures=tuple(MEASURES)) as probe:
        model(tokens_of(2, 64, 8))
        assert len(seen) == 3
        assert all(activation() is None for activation in seen)
    assert len(probe.report.rows) == 30


def test_reports_are_tables_and_json() -> None:
    model = made(Model)
    with torch.inference_mode(), RankProbe(model) as probe:
        model(tokens_of(2, 7, 8))
    assert len(probe.table()) == 9
    assert ProbeReport.from_json(probe.to_json()) == probe.report
    assert json.loads(probe.to_json())["model"] == "Model"


def test_the_root_itself_can_be_a_layer() -> None:
    model, tokens = made(Block), tokens_of(2, 7, 8)
    with torch.inference_mode(), RankProbe(model, Block, measures=("mu",)) as probe:
        output = model(tokens)
    assert probe.report.rows[0].mean == pytest.approx(float(measures.mu(output).value.mean()), rel=1e-6)
