"""One pretraining run under two watches: how near tokens are to collapse, and whether features move as one.

A tiny causal model learns the docstrings of Python's own library. Two callbacks of two rooms look at the same run; what
they see before training is the baseline, and neither changes a bit of what is trained.
"""

import tempfile

import torch
from transformers import PrinterCallback, TrainerCallback

from consilience.methods.decorrelated_preferences import MonosemanticityCallback, Texts
from consilience.methods.pretraining_objectives import PretrainingConfig, PretrainingTrainer, Vocabulary
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.own_text.byte_pairs import learn_tokenizer
from consilience.methods.pretraining_objectives.own_text.packing import pack
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model
from consilience.methods.rank_collapse import RankCollapseCallback

EVERY, WINDOW = 20, 32

texts = docstring_corpus(("email", "logging")).texts
tokenizer = learn_tokenizer(texts, 512, window=4096)
documents = [tokenizer(text)["input_ids"] for text in texts]
rows, held_out = pack(documents, WINDOW, tokenizer.eos_token_id).split(64)


def trained(callbacks: list[TrainerCallback], steps: int = 3 * EVERY + 1) -> torch.nn.Module:
    shape = ModelShape(layers=3, width=48, heads=4, window=WINDOW)
    model = make_model(shape, Vocabulary.of(tokenizer), bidirectional=False, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        settings = PretrainingConfig(
            folder,
            objective="ar",
            max_steps=steps,
            learning_rate=3e-3,
            per_device_train_batch_size=16,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = PretrainingTrainer(
            model, settings, train_dataset=rows, processing_class=tokenizer, callbacks=callbacks
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return model


tokens = RankCollapseCallback(measures=("relative_mu",), every=EVERY)
features = MonosemanticityCallback(Texts.of_rows(held_out.rows), every=EVERY)
watched, unwatched = trained([features, tokens]), trained([])

print("after      tokens apart (relative mu)    texts apart (decorrelation of the last token)")
for record in features.history[:-1]:
    step = int(record["step"])
    apart = [f"{row.mean:.3f}" for row in tokens.reports[step + 1].rows]  # of the pass that follows
    told = [f"{record[f'layer {layer}/last/decorrelation']:.3f}" for layer in range(len(apart))]
    print(f"{step:>2} steps   layers {'  '.join(apart)}   layers {'  '.join(told)}")
same = all(torch.equal(one, other) for one, other in zip(watched.parameters(), unwatched.parameters(), strict=True))
print("trained to the same bits as without anybody watching:", same)
