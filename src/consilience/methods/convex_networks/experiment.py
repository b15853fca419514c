"""The claims of the room, and the studies that measure them."""

from __future__ import annotations

from consilience.ground import Report, RunFolder, Statement, measure_claims
from consilience.methods.convex_networks.config import Config

__all__ = ["run"]

PAPER = "arXiv:2406.02806"

CLAIMS: tuple[tuple[Statement, str], ...] = (
    (
        Statement(
            id="convex.cross",
            sentence="Generalized cross products in up to a thousand dimensions cost one LU factorisation: accurate to "
            "rounding, with exact sign and finite log length, and far faster than an SVD or a 2^d-dimensional algebra.",
            source=f"{PAPER}, generalized cross products",
        ),
        "algebra:cross",
    ),
    (
        Statement(
            id="convex.sketch",
            sentence="Randomized blade volumes and lifted cross products follow their exact laws, so that their "
            "confidence intervals cover what they say.",
            source=f"{PAPER}, randomized geometric algebra; laws derived in the documentation",
        ),
        "sketches:sketch",
    ),
    (
        Statement(
            id="convex.theorem",
            sentence="With an l1 penalty, the optimal neurons are generalized cross products of training samples and "
            "coordinate vectors: the Lasso over them equals training over all cells; with weight decay, nearly so.",
            source=f"{PAPER} after arXiv:2309.16512; proof in the documentation",
        ),
        "theorem:theorem",
    ),
    (
        Statement(
            id="convex.spiral",
            sentence="Two spirals of 160 points are fitted to the global optimum over all lines through two points, "
            "with a proof of it in seconds.",
            source=f"{PAPER}, spiral illustration (released notebook)",
        ),
        "spiral:spiral",
    ),
    (
        Statement(
            id="convex.optimal",
            sentence="Every convex program is solved to the optimum that a general conic solver finds, and every "
            "duality gap printed is a valid bound.",
            source="differential test against cvxpy; gaps derived in the documentation",
        ),
        "optimality:optimality",
    ),
    (
        Statement(
            id="convex.digits",
            sentence="On handwritten digits the convex network is more accurate than a multilayer perceptron at a "
            "tenth of its time, and as accurate as a tuned support vector machine.",
            source=f"{PAPER}, abstract (learning performance); our bar on sklearn's digits",
        ),
        "digits:digits",
    ),
    (
        Statement(
            id="convex.solver",
            sentence="A group lasso over a hundred gates reaches a certified gap of 0.1 % within the time a "
            "perceptron takes to fit, and a path of 20 penalties costs little more than its last point.",
            source="our bar; ADMM with a Woodbury step derived in the documentation",
        ),
        "solvers:solvers",
    ),
    (
        Statement(
            id="convex.tabular",
            sentence="On small tables the convex network is within a point of the best of linear models, support "
            "vectors, perceptron and gradient boosting, and says where a linear model is enough.",
            source="our bar on sklearn's tables",
        ),
        "tabular:tabular",
    ),
    (
        Statement(
            id="convex.text",
            sentence="As a head on sentence embeddings the convex network beats logistic regression and a perceptron "
            "and matches a tuned support vector machine.",
            source=f"{PAPER}, text transfer learning; our bar on docstrings with MiniLM embeddings",
        ),
        "text:text",
    ),
    (
        Statement(
            id="convex.gates",
            sentence="Cross-product gates keep their activation patterns when features are mixed badly, where "
            "Gaussian gates lose theirs; how accurate each kind of gate is, is reported as it comes out.",
            source=f"{PAPER}, comparison of gates; equivariance derived in the documentation",
        ),
        "gate_kinds:gate_kinds",
    ),
    (
        Statement(
            id="convex.contract",
            sentence="The four estimators as they come keep scikit-learn's contract, sparse and dense agree, a seed "
            "fixes every bit, and torch and ONNX exports agree on boundary rows too.",
            source="scikit-learn's check_estimator; our bars",
        ),
        "contract:contract",
    ),
    (
        Statement(
            id="convex.scale",
            sentence="Fifty thousand samples are fitted in the time of gradient boosting, in memory that grows with "
            "samples and not with their square, at a cost that grows no faster than the samples.",
            source="our bar; Nyström-preconditioned conjugate gradients",
        ),
        "scaling:scaling",
    ),
)


def run(config: Config, folder: RunFolder) -> Report:
    """Measure the claims that the configuration names, and say which hold; what is finished is not measured again."""
    return measure_claims("convex_networks", config, folder, CLAIMS, extra="convex", picture="spiral", streams="claim")
