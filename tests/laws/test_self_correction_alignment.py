"""Alignment in context: laws of rankings, of descent on them, and of transformers that descend."""

from itertools import permutations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.methods.self_correction.construction import StackedDescent  # noqa: E402
from consilience.methods.self_correction.descent import answer_gradient, descend  # noqa: E402
from consilience.methods.self_correction.estimator import LeastSquares, misalignment  # noqa: E402
from consilience.methods.self_correction.learning import Architecture  # noqa: E402
from consilience.methods.self_correction.likelihood import MaximumLikelihood  # noqa: E402
from consilience.methods.self_correction.minimiser import CosineMinimiser  # noqa: E402
from consilience.methods.self_correction.ranking import (  # noqa: E402
    Cosine,
    NegativeSquare,
    bradley_terry,
    plackett_luce,
    plackett_luce_gradient,
    plackett_luce_over_prefixes,
)
from consilience.methods.self_correction.sequences import IsotropicAnswers, LineAnswers  # noqa: E402
from consilience.methods.self_correction.sorted_form import SortedDescent  # noqa: E402

both_rewards = pytest.mark.parametrize("reward", [NegativeSquare(), Cosine()], ids=lambda each: type(each).__name__)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed), dtype=torch.float64)


def loss(answers: torch.Tensor, responses: torch.Tensor, rewards: torch.Tensor, reward) -> torch.Tensor:
    return plackett_luce(reward(answers[:, None], responses)[:, 0], rewards)


def even(sequences: int, examples: int, seed: int = 0) -> torch.Tensor:
    """Return rewards whose gaps are all one over the number of examples."""
    return torch.rand(sequences, examples, generator=generator(seed)).argsort(dim=1).double() / examples


class TestRankings:
    def test_the_chances_of_all_orders_add_up_to_one(self) -> None:
        implicit = 3 * draw(4)
        orders = torch.tensor(list(permutations(range(4)))).double()
        chances = torch.exp(-plackett_luce(implicit.expand(24, 4), orders))
        assert float(chances.sum()) == pytest.approx(1, abs=1e-12)
        assert float(chances.min()) > 0

    def test_two_answers_make_it_bradley_terry(self) -> None:
        implicit = draw(100, 2)
        expected = bradley_terry(implicit[:, 0], implicit[:, 1])
        found = plackett_luce(implicit, torch.tensor([1.0, 0.0]).double().expand(100, 2))
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)

    def test_only_differences_count_and_the_order_of_presentation_does_not(self) -> None:
        implicit, rewards, shuffle = draw(9), draw(9, seed=1), torch.randperm(9, generator=generator())
        expected = plackett_luce(implicit, rewards)
        torch.testing.assert_close(plackett_luce(implicit + 100.0, rewards), expected)
        torch.testing.assert_close(plackett_luce(implicit[shuffle], rewards[shuffle]), expected)
        torch.testing.assert_close(plackett_luce(implicit, torch.exp(rewards)), expected)

    def test_a_prefix_is_ranked_as_if_there_were_nothing_beyond_it(self) -> None:
        implicit, rewards = draw(5, 7, 7), draw(5, 7, seed=1)
        found = plackett_luce_over_prefixes(implicit, rewards)
        for prefix in range(7):
            alone = plackett_luce(implicit[:, prefix, : prefix + 1], rewards[:, : prefix + 1])
            torch.testing.assert_close(found[:, prefix], alone, atol=1e-12, rtol=0)

    def test_what_lies_beyond_a_prefix_has_no_influence_and_no_gradient(self) -> None:
        implicit, rewards = draw(5, 7, 7), draw(5, 7, seed=1)
        beyond = ~torch.ones(7, 7, dtype=torch.bool).tril()
        changed = torch.where(beyond, 1e6 * draw(5, 7, 7, seed=2), implicit).requires_grad_()
        found = plackett_luce_over_prefixes(changed, rewards)
        torch.testing.assert_close(found, plackett_luce_over_prefixes(implicit, rewards))
        found.sum().backward()
        assert not changed.grad[:, beyond].any()
        torch.testing.assert_close(changed.grad[:, -1], plackett_luce_gradient(implicit[:, -1], rewards))

    def test_rewards_with_gumbel_noise_order_answers_by_plackett_luce(self) -> None:
        """Of 3! orders, each comes up as often as its likelihood says, within four standard errors."""
        contexts = IsotropicAnswers(dimension=2, spread=0.5).draw(1, 3, generator()).double()
        tries = 40_000
        utilities = NegativeSquare()(contexts.target[:, None], contexts.responses)[0, 0]
        noise = -torch.empty(tries, 3, dtype=torch.float64).exponential_(generator=generator(1)).log()
        drawn = (utilities + noise).argsort(dim=1, descending=True)
        for order in permutations(range(3)):
            rewards = torch.tensor([-order.index(answer) for answer in range(3)]).double()
            chance = float(torch.exp(-plackett_luce(utilities, rewards)))
            share = float((drawn == torch.tensor(order)).all(dim=1).double().mean())
            assert share == pytest.approx(chance, abs=4 * (chance * (1 - chance) / tries) ** 0.5)

    def test_the_source_draws_that_noise(self) -> None:
        """What a reward has beyond the squared error is standard Gumbel: mean .5772, variance pi squared over six."""
        contexts = IsotropicAnswers().draw(500, 200, generator()).double()
        noise = contexts.rewards - NegativeSquare()(contexts.target[:, None], contexts.responses)[:, 0]
        assert float(noise.mean()) == pytest.approx(np.euler_gamma, abs=0.02)
        assert float(noise.var()) == pytest.approx(np.pi**2 / 6, abs=0.04)


class TestDescent:
    @both_rewards
    def test_the_gradient_is_its_closed_form(self, reward) -> None:
        answers, responses, rewards = draw(6, 5).requires_grad_(), draw(6, 8, 5, seed=1), draw(6, 8, seed=2)
        loss(answers, responses, rewards, reward).sum().backward()
        found = answer_gradient(answers.detach(), responses, rewards, reward)
        torch.testing.assert_close(found, answers.grad, atol=1e-8, rtol=0)

    def test_it_is_best_less_mean_of_what_remains_summed(self) -> None:
        answers, responses = draw(1, 3), draw(1, 4, 3, seed=1)
        rewards = torch.tensor([[0.1, 0.7, 0.3, 0.9]]).double()
        order, expected = [3, 1, 2, 0], torch.zeros(3).double()
        for place in range(3):
            left = responses[0, order[place:]]
            chances = torch.softmax(-(answers - left).square().sum(dim=1), dim=0)
            expected -= 2 * (left[0] - chances @ left)
        torch.testing.assert_close(answer_gradient(answers, responses, rewards, NegativeSquare())[0], expected)

    def test_a_step_on_the_weights_is_a_step_on_the_answer_times_the_squared_length_of_the_question(self) -> None:
        query, responses, rewards = draw(1, 4), draw(1, 6, 4, seed=1), draw(1, 6, seed=2)
        weights = draw(4, 4, seed=3).requires_grad_()
        loss(query @ weights.T, responses, rewards, NegativeSquare()).sum().backward()
        moved = query @ (weights - 0.01 * weights.grad).T
        rate = 0.01 * float(query.square().sum())
        expected = descend((query @ weights.T).detach(), responses, rewards, rate=rate, steps=1)
        torch.testing.assert_close(moved.detach(), expected)

    def test_the_loss_is_convex_in_the_answer(self) -> None:
        """No chord of 300 lies below the curve."""
        responses, rewards = draw(300, 8, 5), draw(300, 8, seed=1)
        ends = (5 * draw(300, 5, seed=2), 5 * draw(300, 5, seed=3))
        share = torch.rand(300, generator=generator(4), dtype=torch.float64)
        between = share[:, None] * ends[0] + (1 - share)[:, None] * ends[1]
        values = [loss(each, responses, rewards, NegativeSquare()) for each in (*ends, between)]
        assert bool((values[2] <= share * values[0] + (1 - share) * values[1] + 1e-9).all())

    def test_on_a_line_it_falls_without_end_straight_away_from_the_wrong_answer(self) -> None:
        contexts = LineAnswers().draw(20, 10, generator()).double()
        share = contexts.rewards[:, :1]
        wrong = (contexts.responses[:, 0] - share * contexts.target) / (1 - share)
        away = contexts.target - wrong
        start = draw(20, 5, seed=1)
        slope = answer_gradient(start, contexts.responses, contexts.rewards, NegativeSquare())
        assert float(misalignment(-slope, away).max()) < 1e-9
        lengths = [
            loss(start + 10.0**far * away, contexts.responses, contexts.rewards, NegativeSquare()) for far in (0, 1, 6)
        ]
        assert bool((lengths[0] > lengths[1]).all())
        assert float(lengths[2].max()) < 1e-9
        assert bool(MaximumLikelihood()(contexts).isnan().all())


class TestTransformersThatDescend:
    @pytest.mark.parametrize(("examples", "dimension"), [(2, 5), (5, 3), (9, 4)])
    def test_the_error_falls_by_e_for_every_unit_of_sharpness_times_gap(self, examples, dimension) -> None:
        start, responses, rewards = draw(4, dimension), draw(4, examples, dimension, seed=1), even(4, examples)
        explicit = descend(start, responses, rewards, rate=0.05, steps=3)
        products = np.array([8.0, 12.0, 16.0, 20.0])
        errors = [
            float(
                (
                    StackedDescent(rate=0.05, steps=3, sharpness=product * examples)(start, responses, rewards)
                    - explicit
                ).norm()
            )
            for product in products
        ]
        assert np.polyfit(products, np.log(errors), 1)[0] == pytest.approx(-1, abs=0.01)

    @pytest.mark.parametrize(("examples", "dimension"), [(2, 5), (8, 5), (16, 8)])
    def test_at_sharpness_forty_over_the_gap_rounding_is_all_that_is_left(self, examples, dimension) -> None:
        start, responses, rewards = draw(4, dimension), draw(4, examples, dimension, seed=1), even(4, examples)
        explicit = descend(start, responses, rewards, rate=0.05, steps=3)
        made = StackedDescent(rate=0.05, steps=3, sharpness=40.0 * examples)(start, responses, rewards)
        assert float((made - explicit).norm() / (explicit - start).norm()) < 1e-12

    @pytest.mark.parametrize("examples", [1, 2, 8, 64])
    def test_on_sorted_contexts_two_blocks_a_step_are_exact(self, examples) -> None:
        start, responses, rewards = draw(4, 6), draw(4, examples, 6, seed=1), draw(4, examples, seed=2)
        explicit = descend(start, responses, rewards, rate=0.2 / examples, steps=5)
        made = SortedDescent(rate=0.2 / examples, steps=5)(start, responses, rewards)
        assert float((made - explicit).norm()) <= 1e-12 * float(start.norm())

    def test_rewards_may_lie_anywhere_and_answers_may_come_in_any_order(self) -> None:
        start, responses, rewards = draw(4, 3), draw(4, 5, 3, seed=1), even(4, 5)
        stacked = StackedDescent(rate=0.05, steps=2, sharpness=200.0)
        expected = stacked(start, responses, rewards)
        shuffle = torch.randperm(5, generator=generator())
        torch.testing.assert_close(stacked(start, responses, rewards - 50.0), expected)
        torch.testing.assert_close(stacked(start, responses[:, shuffle], rewards[:, shuffle]), expected)


class TestWhereTheLossLeads:
    def test_the_minimum_lies_below_whatever_else_is_tried(self) -> None:
        contexts = LineAnswers().draw(40, 6, generator()).double()
        noisy = type(contexts)(
            query=contexts.query, responses=contexts.responses, rewards=draw(40, 6), target=contexts.target
        )
        for each in (contexts, noisy):
            best = loss(CosineMinimiser()(each), each.responses, each.rewards, Cosine())
            for seed in range(50):
                tried = CosineMinimiser()(each) + 10.0 ** -(seed % 4) * draw(40, 5, seed=seed)
                assert bool((best <= loss(tried, each.responses, each.rewards, Cosine()) + 1e-9).all())

    def test_there_the_right_answer_costs_more(self) -> None:
        contexts = LineAnswers().draw(200, 12, generator()).double()
        best, right = (
            loss(answers, contexts.responses, contexts.rewards, Cosine())
            for answers in (CosineMinimiser()(contexts), contexts.target)
        )
        assert bool((right > best).all())

    def test_the_contrast_of_two_directions_is_eleven_thirty_fifths_from_one_of_them(self) -> None:
        """1 - E sin(angle / 2) in five dimensions, by the density sin^3 of the angle, and by chance."""
        angle = np.linspace(0, np.pi, 20_001)
        density = np.sin(angle) ** 3
        assert 1 - np.average(np.sin(angle / 2), weights=density) == pytest.approx(11 / 35, abs=1e-9)
        one, other = (torch.nn.functional.normalize(draw(100_000, 5, seed=seed), dim=1) for seed in range(2))
        assert float(misalignment(one - other, one).mean()) == pytest.approx(11 / 35, abs=0.003)

    def test_without_noise_a_line_through_the_answers_is_exact_from_two_on(self) -> None:
        contexts = LineAnswers().draw(100, 3, generator()).double()
        torch.testing.assert_close(LeastSquares()(contexts), contexts.target, atol=1e-3, rtol=1e-6)

    def test_the_likeliest_answer_closes_in_at_the_rate_of_a_square_root(self) -> None:
        errors = []
        for examples in (200, 800):
            contexts = IsotropicAnswers().draw(128, examples, generator()).double()
            away = MaximumLikelihood()(contexts) - contexts.target
            errors.append(float((away.norm(dim=1) / contexts.target.norm(dim=1)).mean()))
        assert np.log(errors[1] / errors[0]) / np.log(4) == pytest.approx(-0.5, abs=0.15)

    def test_without_noise_it_goes_too_far_however_many_examples_there_are(self) -> None:
        for examples in (320, 1280):
            contexts = IsotropicAnswers(gumbel=False).draw(16, examples, generator()).double()
            beyond = ((MaximumLikelihood()(contexts) - contexts.target) * contexts.target).sum(dim=1)
            assert bool((beyond > 0.05 * contexts.target.square().sum(dim=1)).all())


@pytest.mark.parametrize(
    "architecture",
    [Architecture(), Architecture(kind="linear"), Architecture(feedforward=None), Architecture(heads=1, depth=1)],
    ids=["full", "linear", "no feed-forward", "one head, one block"],
)
def test_no_variant_sees_an_answer_before_its_turn(architecture) -> None:
    contexts = LineAnswers().draw(3, 8, generator())
    learner = architecture.build(5, seed=0)
    with torch.no_grad():
        whole = learner(contexts)
        for examples in (1, 4, 7):
            torch.testing.assert_close(learner(contexts.prefix(examples)), whole[:, :examples], atol=1e-5, rtol=1e-4)
