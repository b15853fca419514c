"""Small models as transformers saves them, for what reads models of others."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertForMaskedLM,
    ByT5Tokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTModel,
    WhisperConfig,
    WhisperModel,
    XLNetConfig,
    XLNetModel,
)
from transformers.utils import logging

from consilience.neural.weights import initialised

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom. " * 40
SPECIAL = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


def gpt2(depth: int = 3, vocabulary: int = 300) -> GPT2LMHeadModel:
    config = GPT2Config(n_layer=depth, n_embd=32, n_head=2, n_positions=48, vocab_size=vocabulary, **SPECIAL)
    return initialised(0, lambda: GPT2LMHeadModel(config))


def bert() -> BertForMaskedLM:
    config = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, vocab_size=300
    )
    return initialised(0, lambda: BertForMaskedLM(config))


def t5() -> T5ForConditionalGeneration:
    config = T5Config(
        d_model=32, num_layers=2, num_heads=2, d_ff=64, d_kv=16, vocab_size=300, decoder_start_token_id=0, **SPECIAL
    )
    return initialised(0, lambda: T5ForConditionalGeneration(config))


def bytes_t5(folder: Path) -> None:
    """Save a model of bytes, whose tokenizer has no file of words, and which does not say where a decoder starts."""
    config = T5Config(d_model=32, num_layers=2, num_heads=2, d_ff=64, d_kv=16, vocab_size=384)
    initialised(0, lambda: T5ForConditionalGeneration(config)).save_pretrained(folder)
    ByT5Tokenizer().save_pretrained(folder)


def albert() -> AlbertModel:
    config = AlbertConfig(
        vocab_size=300,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
    )
    return initialised(0, lambda: AlbertModel(config))


def roberta() -> RobertaModel:
    config = RobertaConfig(
        vocab_size=300,
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=26,
    )
    return initialised(0, lambda: RobertaModel(config))


def xlnet() -> XLNetModel:
    config = XLNetConfig(vocab_size=300, d_model=32, n_layer=2, n_head=2, d_inner=64)
    return initialised(0, lambda: XLNetModel(config))


def whisper() -> WhisperModel:
    config = WhisperConfig(
        vocab_size=300,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
        decoder_start_token_id=0,
    )
    return initialised(0, lambda: WhisperModel(config))


def tokenizer() -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    alphabet, special = pre_tokenizers.ByteLevel.alphabet(), ["[CLS]", "[SEP]", "[PAD]"]
    trainer = trainers.BpeTrainer(
        vocab_size=290, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([TEXT], trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]")


def pickled(folder: Path) -> None:
    """Save a model as it must not be loaded."""
    folder.mkdir()
    model = gpt2()
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def vision(folder: Path) -> None:
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4
    )
    ViTModel(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that saves a model by name, once, and gives its folder."""
    home = tmp_path_factory.mktemp("models")
    makers: dict[str, Callable[[Path], object]] = {
        "gpt2": lambda folder: gpt2().save_pretrained(folder),
        "deeper": lambda folder: gpt2(depth=5).save_pretrained(folder),
        "few-words": lambda folder: gpt2(vocabulary=100).save_pretrained(folder),
        "bert": lambda folder: (bert().save_pretrained(folder), tokenizer().save_pretrained(folder)),
        "t5": lambda folder: t5().save_pretrained(folder),
        "bytes-t5": bytes_t5,
        "albert": lambda folder: albert().save_pretrained(folder),
        "roberta": lambda folder: roberta().save_pretrained(folder),
        "xlnet": lambda folder: xlnet().save_pretrained(folder),
        "whisper": lambda folder: whisper().save_pretrained(folder),
        "strangers": lambda folder: (
            gpt2(vocabulary=120).save_pretrained(folder),
            tokenizer().save_pretrained(folder),
        ),
        "pickled": pickled,
        "vision": vision,
    }

    def folder_of(name: str) -> str:
        folder = home / name
        if not folder.exists():
            logging.disable_progress_bar()
            makers[name](folder)
        return str(folder)

    return folder_of


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path
