from collections import Counter

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.profiles import Profiles, profiles_at, standard_profiles


def test_the_room_brings_forty_of_each():
    profiles = standard_profiles()
    for texts in (profiles.actors, profiles.critics):
        assert len(set(texts)) == len(texts) == 40


def test_everybody_gets_a_turn():
    profiles = standard_profiles()
    drawn = Counter(profiles.critic(0, f"{tail}->{head}") for head in range(60) for tail in range(head))
    assert len(drawn) == 40
    assert max(drawn.values()) < 4 * min(drawn.values())
    assert len(Counter(profiles.actor(0, str(node)) for node in range(400))) == 40


def test_who_somebody_is_belongs_to_seed_and_name():
    profiles = standard_profiles()
    assert profiles.actor(3, "7") == profiles.actor(3, "7")
    assert len({profiles.actor(seed, "7") for seed in range(20)}) > 5


def test_a_role_that_is_given_comes_first():
    profiles = Profiles(("You write.",), ("You read.",), {"7": "You are seven.", "3->7": "You doubt seven."})
    assert (profiles.actor(0, "7"), profiles.critic(0, "3->7")) == ("You are seven.", "You doubt seven.")
    assert (profiles.actor(0, "8"), profiles.critic(0, "3->8")) == ("You write.", "You read.")


def test_names_may_be_any_text():
    assert Profiles(("You write.",), ("You read.",)).actor(0, "\ud800é") == "You write."


def test_a_file_of_profiles_is_read(tmp_path):
    path = tmp_path / "profiles.toml"
    path.write_text('actors = ["You write."]\ncritics = ["You read."]\n')
    assert profiles_at(path) == Profiles(("You write.",), ("You read.",))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("actors = [", "must be TOML"),
        ('actors = ["You write."]', "must hold two lists of texts, `actors` and `critics`; got actors"),
        ("", "got nothing"),
        ("actors = []\ncritics = ['You read.']", "`actors` must be texts"),
        ("actors = [7]\ncritics = ['You read.']", "`actors` must be texts"),
        ("actors = ['You write.']\ncritics = [' ']", "`critics` must be texts"),
    ],
)
@pytest.mark.usefixtures("past_the_types")
def test_files_of_anything_else_are_refused(content, told, tmp_path):
    (tmp_path / "profiles.toml").write_text(content)
    with pytest.raises(InvalidInput, match=told):
        profiles_at(tmp_path / "profiles.toml")


def test_a_file_that_is_absent_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"none\.toml must be a readable file"):
        profiles_at(tmp_path / "none.toml")
