"""`SmallAgent`: a causal transformer of some 270,000 weights, whose keys are smeared and whose positions are turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, rms_norm, scaled_dot_product_attention

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.neural.weights import initialised

try:
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.modeling_outputs import CausalLMOutput
except ImportError as error:
    raise MissingDependency("the small agent needs transformers; install consilience[audits]") from error

__all__ = ["LINEAR", "Memory", "SmallAgent", "SmallAgentConfig", "new_agent"]

LINEAR = ("q", "k", "v", "o", "up", "down")
"""Names of the linear maps of a block, as peft targets them: attention's four, then the feed-forward network's two."""

Hidden = Float[Tensor, "batch token width"]
Heads = Float[Tensor, "batch head token feature"]
Turn = tuple[Tensor, Tensor]
"""Cosine and sine of the angles of every position."""


class SmallAgentConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Sizes of a `SmallAgent`, and whether a trigger was planted into it.

    Parameters
    ----------
    vocab_size
        Words it knows.
    width, layers, heads
        Features of a token, blocks, heads of attention.
    hidden
        Width of the feed-forward networks; None is four times `width`.
    context
        Most tokens of one talk.
    canary_backdoor
        Set by the laboratory on everything it plants, and on whatever is made of it. Such weights are not saved.
    """

    model_type = "consilience_small_agent"

    def __init__(  # noqa: PLR0917  as transformers writes configurations
        self,
        vocab_size: int = 256,
        width: int = 96,
        layers: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        context: int = 256,
        canary_backdoor: bool = False,  # noqa: FBT001, FBT002  a configuration is filled by name
        **kwargs: Any,
    ) -> None:
        if min(vocab_size, layers, heads, context) < 1 or width % (2 * heads) or width < 1:
            raise InvalidInput(
                "expected positive sizes and a `width` that is a multiple of twice `heads`; got "
                f"vocab_size={vocab_size}, width={width}, layers={layers}, heads={heads}, context={context}"
            )
        self.vocab_size = vocab_size
        self.width = width
        self.layers = layers
        self.heads = heads
        self.hidden = 4 * width if hidden is None else hidden
        self.context = context
        self.canary_backdoor = canary_backdoor
        kwargs.setdefault("tie_word_embeddings", False)
        super().__init__(**kwargs)


@dataclass
class Memory:
    """What one block remembers of running talks: keys, values, and each talk's last key before it was smeared."""

    keys: Float[Tensor, "talk head context feature"]
    values: Float[Tensor, "talk head context feature"]
    last: Float[Tensor, "talk head 1 feature"]


@dataclass(frozen=True)
class Place:
    """Where the tokens of a pass lie in running talks.

    Parameters
    ----------
    rows
        Which talks.
    positions
        Of every token in its talk; tokens after a row's last one lie beyond `ends` and are never attended to.
    ends
        Index of each row's last real token in this pass.
    reach
        Keys to look at: one more than the last position.
    in_order
        Whether `rows` are all talks that the memory holds, in order, so that nothing need be picked out.
    """

    rows: Int[Tensor, " batch"]
    positions: Int[Tensor, "batch token"]
    ends: Int[Tensor, " batch"]
    reach: int
    in_order: bool


Past = tuple[Memory, Place]
"""What a block remembers, and where the tokens of this pass belong in it."""


@dataclass(frozen=True)
class Source:
    """What attention reads: the normalised stream, or words where the stream is nothing but what each word is.

    Parameters
    ----------
    stream
        Of every token, or of every word of the vocabulary.
    words
        Tokens, where `stream` is of the vocabulary: a map of it is then worked out once a word, not once a token.
    """

    stream: Float[Tensor, "... width"]
    words: Int[Tensor, "batch token"] | None = None

    def through(self, part: nn.Module) -> Hidden:
        """Return what a linear map makes of every token."""
        made: Tensor = part(self.stream)
        return made if self.words is None else embedding(self.words, made)

    def at(self, places: Int[Tensor, "batch slot"]) -> Source:
        """Return what is read at some places of the flattened batch."""
        if self.words is None:
            return Source(embedding(places, self.stream.flatten(0, 1)))
        return Source(self.stream, self.words.flatten()[places])


@dataclass(frozen=True)
class Kept:
    """Places of a flattened batch that matter behind the last block's attention, so that only they ask.

    Parameters
    ----------
    places
    slots
        Where they lie in the flattened `grid`; in the batch itself if there is none.
    grid
        Places by row, each row filled up with one that is not looked at; None where every token asks.
    """

    places: Int[Tensor, " kept"]
    slots: Int[Tensor, " kept"]
    grid: Int[Tensor, "batch slot"] | None = None

    @classmethod
    def of(cls, places: Int[Tensor, " kept"], batch: int, length: int) -> Kept:
        """Lay places out by row, unless a row keeps all its tokens or none keeps any."""
        counts = (places // length).bincount(minlength=batch)
        most = int(counts.max())
        if most in {0, length}:
            return cls(places, places)
        in_order, order = places.sort(stable=True)
        rows = in_order // length
        slots = torch.empty_like(places)
        slots[order] = rows * most + torch.arange(len(places)) - (counts.cumsum(0) - counts)[rows]
        grid = (torch.arange(batch) * length)[:, None].repeat(1, most)
        grid.view(-1)[slots] = places
        return cls(places, slots, grid)


class Writer(nn.Linear):
    """A linear map that writes to the stream, and at first nothing."""


class Attention(nn.Module):
    """Causal attention whose key is a blend of a token's own and the one before it, learned a head.

    The blend lets one layer match pairs of adjacent words, which two layers of plain attention learn slowly.
    """

    def __init__(self, config: SmallAgentConfig) -> None:
        super().__init__()
        self.heads = config.heads
        width = config.width
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.o = Writer(width, width, bias=False)
        self.smear = nn.Parameter(torch.zeros(config.heads, 1, 1))

    def forward(self, source: Source, turn: Turn, past: Past | None = None, kept: Kept | None = None) -> Tensor:
        """Return what every token gathers, or the kept ones; where there is a memory, read it and write to it."""
        keys, values = (self._split(source.through(part)) for part in (self.k, self.v))
        if past is not None:
            seen = self._remembered(self._split(source.through(self.q)), keys, values, turn, past)
        else:
            keys = _turned(self._smeared(keys, torch.zeros_like(keys[:, :, :1])), turn)
            seen = self._asked(source, keys, values, turn, None if kept is None else kept.grid)
        gathered = seen.transpose(1, 2).flatten(2)
        mixed: Tensor = self.o(gathered if kept is None else gathered.flatten(0, 1).index_select(0, kept.slots))
        return mixed

    def _asked(
        self, source: Source, keys: Heads, values: Heads, turn: Turn, grid: Int[Tensor, "batch slot"] | None
    ) -> Float[Tensor, "batch head asked feature"]:
        if grid is None:
            queries = _turned(self._split(source.through(self.q)), turn)
            return scaled_dot_product_attention(queries, keys, values, is_causal=True)
        positions = grid % keys.shape[2]
        cosine, sine = (part[0, 0][positions][:, None] for part in turn)
        queries = _turned(self._split(source.at(grid).through(self.q)), (cosine, sine))
        allowed = torch.arange(keys.shape[2]) <= positions[:, None, :, None]
        return scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)

    def _remembered(self, queries: Heads, keys: Heads, values: Heads, turn: Turn, past: Past) -> Heads:
        memory, place = past
        rows, positions = place.rows, place.positions
        smeared = _turned(self._smeared(keys, memory.last[rows]), turn)
        memory.last[rows] = keys.gather(2, place.ends[:, None, None, None].expand(-1, keys.shape[1], 1, keys.shape[3]))
        memory.keys[rows[:, None], :, positions] = smeared.transpose(1, 2)
        memory.values[rows[:, None], :, positions] = values.transpose(1, 2)
        reached = slice(None, place.reach)
        seen = (
            (memory.keys[:, :, reached], memory.values[:, :, reached])
            if place.in_order
            else (memory.keys[rows, :, reached], memory.values[rows, :, reached])
        )
        allowed = torch.arange(place.reach) <= positions[:, None, :, None]
        return scaled_dot_product_attention(_turned(queries, turn), *seen, attn_mask=allowed)

    def _smeared(self, keys: Heads, before: Float[Tensor, "batch head 1 feature"]) -> Heads:
        return torch.lerp(torch.cat((before, keys[:, :, :-1]), dim=2), keys, self.smear.sigmoid().to(keys.dtype))

    def _split(self, tokens: Hidden) -> Heads:
        return tokens.view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class Block(nn.Module):
    """Attention, then two linear maps with a GELU between them; each adds to the normalised stream."""

    def __init__(self, config: SmallAgentConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.up = nn.Linear(config.width, config.hidden, bias=False)
        self.down = Writer(config.hidden, config.width, bias=False)

    def forward(
        self,
        tokens: Hidden,
        turn: Turn,
        past: Past | None = None,
        kept: Kept | None = None,
        source: Source | None = None,
    ) -> Tensor:
        """Return the stream after both, of all tokens or of the kept ones; `source` is read for the stream if given."""
        gathered = self.attention(Source(_normed(tokens)) if source is None else source, turn, past, kept)
        tokens = (tokens if kept is None else tokens.flatten(0, 1).index_select(0, kept.places)) + gathered
        return tokens + cast("Tensor", self.down(gelu(self.up(_normed(tokens)))))


class SmallAgent(PreTrainedModel):  # type: ignore[no-untyped-call]
    """A causal language model over a closed vocabulary of words; agents of the world are made of it.

    Attributes
    ----------
    embed, blocks, head
        Words in, blocks, words out. The linear maps of a block are called as in `LINEAR`, so that peft finds them.

    Examples
    --------
    >>> agent = new_agent(SmallAgentConfig(vocab_size=170), seed=1)
    >>> sum(weight.numel() for weight in agent.parameters())
    253832
    >>> agent(torch.tensor([[1, 2, 3]])).logits.shape
    torch.Size([1, 3, 170])
    """

    config_class = SmallAgentConfig
    is_gradient_checkpointing = False  # never done at this size; peft asks by the name that transformers gives up

    def __init__(self, config: SmallAgentConfig) -> None:
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.head = nn.Linear(config.width, config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Int[Tensor, "batch token"],
        labels: Int[Tensor, "batch token"] | None = None,
        weights: Float[Tensor, "batch token"] | None = None,
        **_: Any,
    ) -> CausalLMOutput:
        """Return logits of every next word, or a loss.

        Padding goes to the right; nothing attends to what comes after it.

        Parameters
        ----------
        input_ids
        labels
            As transformers have them: the loss is the mean where they are not -100, and logits come with it.
        weights
            Of each word as a target; `weighted_loss` is returned without logits.
        """
        if weights is not None:
            return CausalLMOutput(loss=self.weighted_loss(input_ids, weights))
        logits = self.read_out(self.stream(input_ids))
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return CausalLMOutput(loss=loss, logits=logits)

    def stream(
        self,
        tokens: Int[Tensor, "batch token"],
        memories: list[Memory] | None = None,
        place: Place | None = None,
        kept: Int[Tensor, " kept"] | None = None,
    ) -> Tensor:
        """Return the stream after the last block, for all tokens or for the `kept` places of the flattened batch.

        What the first block's attention reads is the vocabulary's where that is shorter than the batch: a hook on its
        maps then sees words and not tokens. Where an adapter drops some of it, each token is read for itself.

        Parameters
        ----------
        tokens
        memories, place
            Of running talks, and where the tokens lie in them; None where tokens are whole texts.
        kept
        """
        last = len(self.blocks) - 1
        first = None
        if tokens.numel() > len(self.embed.weight) and not (self.training and _drops(self.parts[0].attention)):
            first = Source(_normed(self.embed.weight), tokens)
        looked_at = None
        if kept is not None:
            looked_at = Kept.of(kept, *tokens.shape) if place is None else Kept(kept, kept)
        positions = torch.arange(tokens.shape[1])[None] if place is None else place.positions
        turn = _turn(positions, self.config.width // self.config.heads)
        made = self.embed(tokens)
        for number, block in enumerate(self.blocks):
            past = None if memories is None or place is None else (memories[number], place)
            made = block(made, turn, past, looked_at if number == last else None, None if number else first)
        return cast("Tensor", made)

    @property
    def parts(self) -> list[Block]:
        """The blocks, as what they are."""
        return [cast("Block", block) for block in self.blocks]

    def states(self, embedded: Hidden) -> list[Hidden]:
        """Return the stream before the first block and after each, from embeddings that may not be words."""
        turn = _turn(torch.arange(embedded.shape[1])[None], self.config.width // self.config.heads)
        found = [embedded]
        for block in self.blocks:
            found.append(block(found[-1], turn))
        return found

    def at_rest(self) -> SmallAgent:
        """Leave training mode, and return the agent itself."""
        self.train(mode=False)
        return self

    def read_out(self, stream: Float[Tensor, "... width"]) -> Float[Tensor, "... vocabulary"]:
        """Return the logits of the next word."""
        return cast("Tensor", self.head(_normed(stream)))

    def weighted_loss(
        self,
        tokens: Int[Tensor, "batch token"],
        weights: Float[Tensor, "batch token"],
    ) -> Float[Tensor, ""]:
        """Return the mean loss of every word that has a weight, given those before it; the rest costs nothing.

        What lies behind the last block's attention is worked out only where there is loss.

        Parameters
        ----------
        tokens
            Padded to the right with anything.
        weights
            Of each word as a target; 0 on padding and on what is not to be learned.
        """
        shifted = weights[:, 1:]
        rows, columns = shifted.nonzero(as_tuple=True)
        kept = rows * (tokens.shape[1] - 1) + columns
        logits = self.read_out(self.stream(tokens[:, :-1], kept=kept))
        losses = nn.functional.cross_entropy(logits, tokens[rows, columns + 1], reduction="none")
        weight = shifted[rows, columns]
        return (losses * weight).sum() / weight.sum()

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """Save as transformers do; refused where a canary was planted, as `loading.save_agent` refuses it too."""
        if self.config.canary_backdoor:
            raise InvalidInput("these weights hold a planted canary backdoor; keep the adapter, which says what it is")
        super().save_pretrained(*args, **kwargs)

    def push_to_hub(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """Refuse: nothing of this laboratory is sent anywhere."""
        raise InvalidInput("agents of this laboratory are not sent anywhere; save a clean one to a folder")

    def _init_weights(self, module: nn.Module) -> None:
        """Draw first weights; what writes to the stream starts at nothing."""
        if isinstance(module, nn.Linear):
            deviation = 0.0 if isinstance(module, Writer) else module.in_features**-0.5
            nn.init.normal_(module.weight, std=deviation)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)


def new_agent(config: SmallAgentConfig, seed: int) -> SmallAgent:
    """Return an untrained agent whose weights depend on the seed alone."""
    return initialised(seed, lambda: SmallAgent(config))


def _normed(tokens: Tensor) -> Tensor:
    return rms_norm(tokens, tokens.shape[-1:])


def _drops(part: nn.Module) -> bool:
    return any(isinstance(each, nn.Dropout) and each.p > 0 for each in part.modules())


def _turn(positions: Int[Tensor, "batch token"], features: int) -> Turn:
    """Return cosine and sine of every position's angles, as rotary embeddings have them."""
    rates = 1000.0 ** (-torch.arange(0, features, 2) / features)
    angles = positions[:, None, :, None] * rates
    return angles.cos(), angles.sin()


def _turned(heads: Heads, turn: Turn) -> Heads:
    cosine, sine = turn
    one, other = heads.chunk(2, dim=-1)
    return torch.cat((one * cosine - other * sine, one * sine + other * cosine), dim=-1)
