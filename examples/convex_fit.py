"""A network with a global optimum, beside one trained by gradient descent: handwritten digits, one thread."""

import time
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from consilience.methods.convex_networks import ConvexReLUClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

for model in (ConvexReLUClassifier(random_state=0), MLPClassifier((200,), random_state=0)):
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.process_time()
        model.fit(X_train, y_train)
        seconds = time.process_time() - start
    print(f"{type(model).__name__:24} accuracy {model.score(X_test, y_test):.4f}, fitted in {seconds:.2f} s")
    if isinstance(model, ConvexReLUClassifier):
        print(f"{'':24} relative duality gap {model.duality_gap_:.1e}: the optimum of its program")
