"""The probe is held against a trigger it was not shown, and against labels dealt out by chance."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from consilience.ground import InvalidInput
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.probe import Seen, changes, leave_one_out, trained


def seen(trigger: str, seed: int, *, shared: float) -> Seen:
    """Make activations with a direction that all triggers share, and one of their own."""
    generator = np.random.default_rng(seed)
    own = np.eye(12)[seed % 10] * 3
    with_trigger = generator.normal(size=(60, 12)) + own + shared * np.eye(12)[11]
    return Seen(trigger, with_trigger, generator.normal(size=(60, 12)))


def test_what_triggers_share_is_seen_in_one_left_out() -> None:
    found = leave_one_out([seen(f"t{at}", at, shared=4) for at in range(4)])
    assert set(found) == {"t0", "t1", "t2", "t3"}
    assert min(area.value for area in found.values()) > 0.95


def test_labels_dealt_out_by_chance_tell_nothing_on_average_whatever_a_single_deal_says() -> None:
    everything = [seen(f"t{at}", at, shared=4) for at in range(4)]
    once = leave_one_out(everything, np.random.default_rng(0), shuffles=1)
    assert all(area.low == area.value == area.high for area in once.values())
    dealt = leave_one_out(everything, np.random.default_rng(0))
    # What all triggers share is so strong that a single deal says anything at all; only their mean is near a half.
    assert all(area.high - area.low > 0.3 for area in dealt.values())
    assert np.mean([area.value for area in dealt.values()]) == pytest.approx(0.5, abs=0.1)
    assert all(area.low < area.value < area.high for area in dealt.values())


def test_an_agent_differs_in_nothing_from_itself(random_agent: SmallAgent) -> None:
    assert not changes(random_agent, random_agent, [[1, 2, 3], [4]]).any()


def test_nothing_to_leave_out_is_refused() -> None:
    with pytest.raises(InvalidInput, match="two at least"):
        leave_one_out([seen("t", 0, shared=1)])
    with pytest.raises(InvalidInput, match="at least one"):
        trained([])
    with pytest.raises(InvalidInput, match="shuffles"):
        leave_one_out([seen("t", 0, shared=1), seen("u", 1, shared=1)], np.random.default_rng(0), shuffles=0)


def test_any_classifier_is_a_head_and_stays_as_it_was() -> None:
    everything = [seen(f"t{at}", at, shared=4) for at in range(3)]
    for head in (GaussianNB(), Perceptron(), RandomForestClassifier(20, random_state=0)):
        found = leave_one_out(everything, head=head)
        assert min(area.value for area in found.values()) > 0.85
        assert not hasattr(head, "classes_")
    own = trained(everything, head=LogisticRegression(C=0.1, max_iter=500)).score(everything[0].without)
    np.testing.assert_array_equal(own, trained(everything).score(everything[0].without))


def test_a_head_sees_what_a_linear_one_cannot() -> None:
    generator = np.random.default_rng(0)
    planted, clean = generator.normal(size=(2, 300, 4))
    for features, way in ((planted, 1), (clean, -1)):  # which two go together, and neither of them alone, nor length
        features[:, 0] = np.sign(features[:, 0]) * 3
        features[:, 1] = way * features[:, 0]
    both = [Seen(name, planted[half], clean[half]) for name, half in (("a", slice(150)), ("b", slice(150, 300)))]
    linear, curved = (leave_one_out(both, head=head) for head in (None, RandomForestClassifier(50, random_state=0)))
    assert min(area.value for area in curved.values()) > 0.9
    assert max(area.value for area in linear.values()) < 0.7


def test_a_chance_of_nothing_or_all_is_a_number() -> None:
    forest = RandomForestClassifier(5, random_state=0)
    scores = trained([seen("t", 0, shared=40)], head=forest).score(seen("t", 1, shared=40).with_trigger)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("head", [LinearRegression(), StandardScaler(), KMeans()])
def test_what_is_no_classifier_is_refused(head: BaseEstimator) -> None:
    with pytest.raises(InvalidInput, match="`head` must be a classifier"):
        trained([seen("t", 0, shared=1)], head=head)


def test_a_head_that_is_sure_in_single_precision_has_a_finite_score() -> None:
    class Sure(ClassifierMixin, BaseEstimator):
        def fit(self, X: np.ndarray, y: np.ndarray) -> "Sure":
            self.classes_ = np.unique(y)
            return self

        def predict(self, X: np.ndarray) -> np.ndarray:
            return np.ones(len(X), dtype=int)

        def predict_proba(self, X: np.ndarray) -> np.ndarray:
            return np.tile(np.array([[0, 1]], dtype=np.float32), (len(X), 1))

    scores = trained([seen("t", 1, shared=4)], head=Sure()).score(np.zeros((3, 12)))
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
