"""A convex head on embeddings as the critic of the corrector: its chances mean what they say, and the loop acts on it.

Whether an answer fits a question is no linear matter: logistic regression on the same row of numbers stands beside it.
The model that answers is a scripted stand-in, right six times of ten; yours may be any callable from messages to text.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from consilience.methods.convex_networks import ConvexReLUClassifierCV
from consilience.methods.convex_networks.corpus import docstring_corpus
from consilience.methods.convex_networks.embeddings import CachedEmbedder, LatentSemantics
from consilience.methods.self_correction import Budget, Corrector, CriticAgrees, MaxRounds
from consilience.methods.self_correction.calibration import calibrate_outcomes
from consilience.methods.self_correction.critics import ClassifierCritic
from consilience.methods.self_correction.selection import Best

corpus = docstring_corpus(
    {
        "files": ("os", "pathlib", "shutil", "tarfile", "tempfile", "zipfile"),
        "numbers": ("math", "random", "scipy.special", "statistics"),
        "signals": ("scipy.fft", "scipy.ndimage", "scipy.signal"),
    }
)
topics = sorted(set(corpus.topics))
truth = dict(zip(corpus.texts, corpus.topics, strict=True))
labelled, new = train_test_split(corpus.texts, stratify=corpus.topics, test_size=150, random_state=0)
embed = CachedEmbedder(LatentSemantics.fit(labelled, n_features=40), name="latent semantics")


def model(messages: list[dict[str, str]]) -> str:
    """Name the right topic six times of ten; asked again, guess again among those it did not say yet."""
    question, said = messages[-1]["content"], {one["content"] for one in messages} & set(topics)
    chance = np.random.default_rng([len(said), *question.encode()])
    others = [topic for topic in topics if topic not in said | {truth[question]}]
    right = truth[question] not in said and (not others or chance.random() < 0.6)
    return truth[question] if right else str(chance.choice(others or topics))


def row(question: str, answer: str) -> np.ndarray:
    return np.concatenate([embed([question])[0], [answer == topic for topic in topics]])


answers = [model([{"role": "user", "content": text}]) for text in labelled]
rows = np.array([row(text, answer) for text, answer in zip(labelled, answers, strict=True)])
is_right = np.array([truth[text] == answer for text, answer in zip(labelled, answers, strict=True)])
print(f"{len(labelled)} labelled answers to learn from, {len(new)} questions to answer; {', '.join(topics)}")

heads = {"convex head": ConvexReLUClassifierCV(random_state=0), "logistic regression": LogisticRegression()}
for name, head in heads.items():
    critic = ClassifierCritic(head.fit(rows, is_right), features=row, right=True)
    corrector = Corrector(model, critic, stop=CriticAgrees() | MaxRounds(2), select=Best(), budget=Budget(calls=3))
    outcomes = corrector.run(new)
    right = [[truth[text] == one.answer for one in done.attempts] for text, done in zip(new, outcomes, strict=True)]
    end = np.mean([truth[text] == done.answer for text, done in zip(new, outcomes, strict=True)])
    worth = calibrate_outcomes(outcomes, right)
    print(f"{name:<20} {np.mean([tries[0] for tries in right]):.3f} at first, {end:.3f} in the end")
    print(f"{'':<20} flags {worth.tpr.value:.2f} of wrong and {worth.fpr.value:.2f} of right answers")
    print(f"{'':<20} calibration error {worth.ece.value:.3f}, {worth.ece_by_chance:.3f} by chance alone")

# The trivial baseline: who has a head for topics need not ask the model at all.
alone = ConvexReLUClassifierCV(random_state=0).fit(embed(labelled), [truth[text] for text in labelled])
print(f"{'head alone, no model':<20} {alone.score(embed(new), [truth[text] for text in new]):.3f}")
