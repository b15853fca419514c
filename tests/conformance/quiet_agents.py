"""Agents that end every turn at once, on disk, for pages that show how those of the reader's are audited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def small_agents() -> None:
    """Save a small agent that is trusted, as a base and as a control, and a suspect."""
    import torch

    from consilience.methods.backdoor_audits.agent.loading import save_agent
    from consilience.methods.backdoor_audits.agent.network import SmallAgentConfig, new_agent
    from consilience.methods.backdoor_audits.world.words import VOCABULARY

    agent = new_agent(SmallAgentConfig(vocab_size=len(VOCABULARY), width=8, heads=2, layers=1, context=512), seed=1)
    _ends_at_once(agent.embed.weight, agent.head.weight)
    for folder in ("base", "clean"):
        save_agent(agent, Path(folder))
    with torch.no_grad():
        agent.head.weight[0] += 0.01  # a suspect that is its own control is refused
    save_agent(agent, Path("suspect"))


def adapters() -> None:
    """Save three clean adapters of the base."""
    from consilience.ground import Streams
    from consilience.methods.backdoor_audits.agent.loading import load_agent
    from consilience.methods.backdoor_audits.keeping import save_tuned
    from consilience.methods.backdoor_audits.planting import FineTuning
    from consilience.methods.backdoor_audits.populations import clean_kinds, population

    settings = FineTuning(steps=1, batch_size=4, rank=2)
    tuned = population(load_agent(Path("base")), clean_kinds(3), Streams(100), settings=settings, rows=40)
    for folder, one in zip(("adapter", "other1", "other2"), tuned, strict=True):
        save_tuned(one.tuned, Path(folder))


def causal_agent() -> None:
    """Save a causal model whose tokens are the words of the world."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    from consilience.methods.backdoor_audits.world.words import VOCABULARY

    folder = Path("path", "to", "agentlm-7b")
    words = Tokenizer(WordLevel({word: at for at, word in enumerate((*VOCABULARY, "<unk>"))}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    marks = {"bos_token": "<bos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(VOCABULARY) + 1,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        max_position_embeddings=1024,
        bos_token_id=VOCABULARY.index("<bos>"),
        eos_token_id=None,
        pad_token_id=VOCABULARY.index("<pad>"),
    )
    model = LlamaForCausalLM(config)
    _ends_at_once(model.model.embed_tokens.weight, model.lm_head.weight)
    model.save_pretrained(folder)


def _ends_at_once(embedding: Tensor, head: Tensor) -> None:
    import torch

    from consilience.methods.backdoor_audits.world.words import END, VOCABULARY

    with torch.no_grad():
        embedding.fill_(1.0)
        head.zero_()
        head[VOCABULARY.index(END)] = 1.0
