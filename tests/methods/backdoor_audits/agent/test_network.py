import pytest
import torch
from torch.nn.functional import cross_entropy

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.network import LINEAR, SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.world.words import VOCABULARY


def _tokens(agent: SmallAgent, rows: int = 3, length: int = 11) -> torch.Tensor:
    return torch.randint(0, agent.config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0))


def test_the_default_agent_has_about_270_000_weights_and_linear_maps_that_peft_finds_by_name() -> None:
    agent = new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY)), seed=1)
    found = {
        name.rpartition(".")[2] for name, part in agent.blocks.named_modules() if isinstance(part, torch.nn.Linear)
    }
    assert 230_000 < sum(weight.numel() for weight in agent.parameters()) < 290_000
    assert found == set(LINEAR)


def test_the_seed_alone_decides_first_weights() -> None:
    one, same, other = (new_agent(SmallAgentConfig(vocab_size=9, width=8), seed).embed.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_no_word_is_told_what_comes_after_it(random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent)
    changed = tokens.clone()
    changed[:, 7:] = (changed[:, 7:] + 1) % random_agent.config.vocab_size
    before, after = random_agent(tokens).logits, random_agent(changed).logits
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert (before[:, 7:] - after[:, 7:]).abs().max() > 0.1


def test_keys_are_smeared_over_the_word_before(random_agent: SmallAgent) -> None:
    attention = random_agent.parts[0].attention
    keys = torch.randn(1, 2, 5, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        attention.smear.fill_(0.0)
        smeared = attention._smeared(keys, torch.zeros(1, 2, 1, 16))
        attention.smear.fill_(30.0)
        own = attention._smeared(keys, torch.zeros(1, 2, 1, 16))
    torch.testing.assert_close(smeared[:, :, 1:], (keys[:, :, 1:] + keys[:, :, :-1]) / 2)
    torch.testing.assert_close(own, keys)


def test_places_are_told_apart_by_distance_only(random_agent: SmallAgent) -> None:
    assert not torch.allclose(
        random_agent(torch.tensor([[7, 5, 5, 6]])).logits[0, -1],
        random_agent(torch.tensor([[5, 7, 5, 6]])).logits[0, -1],
    )


def test_loss_worked_out_only_where_it_counts_is_the_loss_of_all_logits(random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent)
    weights = (torch.rand(tokens.shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    labels = tokens.masked_fill(weights == 0, -100)
    direct = random_agent(tokens, weights=weights).loss
    torch.testing.assert_close(direct, random_agent(tokens, labels=labels).loss)
    every = cross_entropy(random_agent(tokens).logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    partly = weights.masked_fill(weights == 0, 0.05)
    expected = (every * partly[:, 1:]).sum() / partly[:, 1:].sum()
    torch.testing.assert_close(random_agent.weighted_loss(tokens, partly), expected)


def _naive_loss(agent: SmallAgent, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The loss of all logits, from a stream in which every token goes through every map."""
    logits = agent.read_out(agent.states(agent.embed(tokens))[-1])
    losses = cross_entropy(logits[:, :-1].transpose(1, 2), tokens[:, 1:], reduction="none")
    return (losses * weights[:, 1:]).sum() / weights[:, 1:].sum()


@pytest.mark.parametrize("share", [0.05, 0.4, 1.0], ids=["few", "some", "all"])
@pytest.mark.parametrize("size", [(3, 11), (24, 15)], ids=["fewer words than the vocabulary", "more"])
def test_short_cuts_change_no_loss_and_no_gradient(
    size: tuple[int, int], share: float, random_agent: SmallAgent
) -> None:
    tokens = _tokens(random_agent, *size)
    assert (tokens[:, :-1].numel() > random_agent.config.vocab_size) is (size[0] > 3)
    weights = torch.rand(size, generator=torch.Generator().manual_seed(1))
    weights = weights.masked_fill(torch.rand(size, generator=torch.Generator().manual_seed(2)) >= share, 0.0)
    weights[0, 1:], weights[1] = 0.0, 0.0
    weights[2, -1] = 1.0
    found = []
    for loss_of in (SmallAgent.weighted_loss, _naive_loss):
        loss = loss_of(random_agent, tokens, weights)
        found.append((loss, *torch.autograd.grad(loss, tuple(random_agent.parameters()))))
    for ours, naive in zip(*found, strict=True):
        torch.testing.assert_close(ours, naive, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rows", [3, 24])
def test_the_stream_at_chosen_places_is_that_of_the_whole(rows: int, random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent, rows, 15)
    whole = random_agent.states(random_agent.embed(tokens))[-1].flatten(0, 1)
    for kept in (
        torch.tensor([2]),
        torch.tensor([0, 14, 15, 31]),
        torch.arange(rows) * 15 + 14,
        torch.arange(15),
        torch.tensor([40, 2, 31, 3]),
        torch.arange(0),
    ):
        torch.testing.assert_close(random_agent.stream(tokens, kept=kept), whole[kept])


def test_a_batch_with_nothing_to_learn_has_no_loss(random_agent: SmallAgent) -> None:
    assert random_agent.weighted_loss(_tokens(random_agent), torch.zeros(3, 11)).isnan()


def test_half_precision_can_be_asked_for(random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent, 24, 15)
    plain = random_agent.weighted_loss(tokens, torch.ones(24, 15)).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert random_agent.weighted_loss(tokens, torch.ones(24, 15)).item() == pytest.approx(plain, rel=0.05)


def test_where_an_adapter_drops_each_token_is_read_for_itself(random_agent: SmallAgent) -> None:
    seen: list[torch.Size] = []
    attention = random_agent.parts[0].attention
    attention.k = torch.nn.Sequential(torch.nn.Dropout(0.5), attention.k)
    attention.k.register_forward_hook(lambda part, given, made: seen.append(made.shape))
    tokens = _tokens(random_agent, 24, 15)
    for training in (True, False):
        random_agent.train(training)
        random_agent.stream(tokens)
    assert seen == [(24, 15, 32), (len(VOCABULARY), 32)]


def test_padding_changes_no_loss_and_no_gradient(random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent, rows=2, length=8)
    weights = torch.ones(2, 8)
    padded, padding = torch.nn.functional.pad(tokens, (0, 4)), torch.nn.functional.pad(weights, (0, 4))
    losses = []
    for one, weight in ((tokens, weights), (padded, padding)):
        random_agent.zero_grad()
        loss = random_agent.weighted_loss(one, weight)
        loss.backward()
        losses.append((loss.detach(), random_agent.parts[0].up.weight.grad.clone()))
    torch.testing.assert_close(losses[0], losses[1])


def test_states_from_embeddings_are_the_stream(random_agent: SmallAgent) -> None:
    tokens = _tokens(random_agent)
    states = random_agent.states(random_agent.embed(tokens))
    assert len(states) == 1 + random_agent.config.layers
    torch.testing.assert_close(states[-1], random_agent.stream(tokens))


@pytest.mark.parametrize("sizes", [{"width": 30}, {"layers": 0}, {"vocab_size": 0}, {"context": 0}])
def test_impossible_sizes_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="multiple of twice `heads`"):
        SmallAgentConfig(**sizes)


def test_what_is_planted_is_not_saved_and_nothing_is_sent_anywhere(random_agent: SmallAgent, tmp_path) -> None:
    random_agent.save_pretrained(tmp_path / "clean")
    random_agent.config.canary_backdoor = True
    with pytest.raises(InvalidInput, match="planted canary"):
        random_agent.save_pretrained(tmp_path / "planted")
    with pytest.raises(InvalidInput, match="not sent anywhere"):
        random_agent.push_to_hub("somewhere")
    assert not (tmp_path / "planted").exists()
