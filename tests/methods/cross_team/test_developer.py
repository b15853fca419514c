import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.tasks import FATAL, STUB

MANY = 20_000


def chance(seed=0):
    return np.random.default_rng(seed)


def drafts(developer, difficulty, many=MANY, **more):
    return developer.draft(np.asarray(difficulty), np.zeros(many), more.get("temperature"), chance())


def programs(*rows):
    """Parents for many merges: a row of variants each."""
    return np.broadcast_to(np.array(rows), (MANY, len(rows), len(rows[0])))


def faults(*rows):
    fatal = np.zeros((len(rows), FATAL), dtype=bool)
    for at, row in enumerate(rows):
        fatal[at, list(row)] = True
    return np.broadcast_to(fatal, (MANY, len(rows), FATAL))


def test_a_draft_gets_hard_functions_right_less_often():
    written = drafts(Developer(temperature=0.0), [0.0, 0.5, 1.0])
    expected = 1 / (1 + np.exp(-(0.9 - 2.2 * np.array([0.0, 0.5, 1.0]))))
    assert (written.variants == 0).mean(axis=0) == pytest.approx(expected, abs=0.015)
    wrong = written.variants[written.variants > 0]
    assert (wrong == STUB).mean() == pytest.approx(0.3, abs=0.015)
    assert np.bincount(wrong)[1:STUB] == pytest.approx(0.7 / 3 * len(wrong), rel=0.06)


@pytest.mark.parametrize(("temperature", "mean"), [(None, 0.27), (0.0, 0.22), (1.0, 0.47)])
def test_faults_are_poisson_and_more_where_it_is_warmer(temperature, mean):
    count = drafts(Developer(), [0.5], temperature=temperature).fatal.sum(axis=-1)
    assert count.mean() == pytest.approx(mean, abs=0.015)
    assert (count == 0).mean() == pytest.approx(np.exp(-mean), abs=0.015)


def test_skill_belongs_to_a_team_and_noise_to_a_function():
    developer = Developer(temperature=0.0)
    able = developer.chances(np.array([0.5, 0.5]), np.array([1.0, -1.0]), None, chance())
    assert able[0, 0] == able[0, 1] > able[1, 0]
    warm = developer.chances(np.array([0.5, 0.5]), np.zeros(()), 1.0, chance())
    assert warm[0] != warm[1]


@pytest.mark.parametrize(("parents", "kept"), [(2, 0.985), (4, 0.945)])
def test_a_merge_keeps_nearly_all_that_one_of_them_has(parents, kept):
    made = Developer().merge(programs([0, 1], *[[2, 1]] * (parents - 1)), faults(*[[]] * parents), chance())
    assert (made.variants[:, 0] == 0).mean() == pytest.approx(kept, abs=0.005)
    assert not (made.variants[:, 1] == 0).any()


@pytest.mark.parametrize(("parents", "carried", "own"), [(2, 0.42, 0.05), (4, 0.66, 0.15), (8, 1.0, 0.35)])
def test_a_merge_carries_faults_on_and_brings_its_own(parents, carried, own):
    rows = [[3]] + [[]] * (parents - 1)
    made = Developer().merge(programs(*[[0]] * parents), faults(*rows), chance())
    assert made.fatal[:, 3].mean() == pytest.approx(carried + (1 - carried) * own / FATAL, abs=0.012)
    assert np.delete(made.fatal, 3, axis=1).any(axis=1).mean() == pytest.approx(own * 15 / 16, abs=0.012)


def test_who_cannot_tell_takes_anybodys_but_never_a_stub_where_there_is_more():
    blind = Developer(recognises=0.0, keeps=1.0)
    made = blind.merge(programs([0, 0, STUB, STUB], [1, STUB, 2, STUB]), faults([], []), chance())
    assert (made.variants[:, 0] == 0).mean() == pytest.approx(0.5, abs=0.015)
    assert (made.variants[:, 1] == 0).all()
    assert (made.variants[:, 2] == 2).all()
    assert (made.variants[:, 3] == STUB).all()


def test_a_merge_of_equal_programs_without_faults_loses_little():
    made = Developer().merge(programs([0] * 24, [0] * 24), faults([], []), chance())
    assert (made.variants == 0).mean() == pytest.approx(0.985, abs=0.002)
    assert not (made.variants == STUB).any()


def test_a_repair_writes_anew_what_was_named_and_seldom_breaks_the_rest():
    developer = Developer()
    written = developer.draft(np.zeros(24), np.full(MANY, 50.0), None, chance())._replace(
        fatal=np.zeros((MANY, 16), bool)
    )
    written.variants[:, 5] = 1
    named = np.zeros((MANY, 24), dtype=bool)
    named[:, 5] = True
    done = developer.repair(written, named, np.zeros(MANY, bool), np.ones((MANY, 24)), chance(1))
    assert (done.variants[:, 5] == 0).mean() == pytest.approx(0.931, abs=0.006)
    lost = (done.variants[:, np.arange(24) != 5] != 0).sum(axis=1)
    assert set(lost.tolist()) == {0, 1}
    assert lost.mean() == pytest.approx(0.931 * 0.02 * np.sqrt(23), abs=0.006)
    assert done.fatal.any(axis=1).mean() == pytest.approx(0.931 * 0.05, abs=0.006)


def test_a_repair_that_nobody_asked_for_changes_nothing():
    developer = Developer()
    written = drafts(developer, np.full(24, 0.5), many=50)
    nothing = np.zeros((50, 24), dtype=bool)
    done = developer.repair(written, nothing, np.zeros(50, bool), np.ones((50, 24)), chance())
    assert (done.variants == written.variants).all()
    assert (done.fatal == written.fatal).all()


def test_faults_that_are_told_of_are_mostly_removed():
    developer = Developer(injects=0.0)
    written = drafts(developer, np.full(4, 0.5))._replace(fatal=np.array(faults([2, 9]))[:, 0])
    done = developer.repair(written, np.zeros((MANY, 4), bool), np.ones(MANY, bool), np.ones((MANY, 4)), chance())
    assert done.fatal[:, [2, 9]].mean() == pytest.approx(1 - 0.931, abs=0.006)


def test_a_reviewer_sees_what_is_wrong_and_is_wrong_at_times():
    one = chance()
    developer = Developer()
    for variant, share in ((1, 0.8), (STUB, 0.8), (0, 0.3)):
        said = [developer.review(np.full(24, variant), one) for _ in range(4000)]
        assert np.mean([at is not None for at in said]) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(
    "setting",
    [{"keeps": 1.1}, {"recognises": -0.1}, {"spread": -1.0}, {"stubs": float("nan")}, {"ability": float("nan")}],
)
def test_chances_out_of_range_are_refused(setting):
    with pytest.raises(InvalidInput, match=f"`{next(iter(setting))}` must be"):
        Developer(**setting)
