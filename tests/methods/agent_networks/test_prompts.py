from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Text
from consilience.methods.agent_networks.profiles import Profiles
from consilience.methods.agent_networks.prompts import ACTOR, AGGREGATOR, CRITIC, Prompts

PROMPTS = Prompts("Say hello.", Text(), Profiles(("You write.",), ("You read.",)), 0)


def test_each_role_is_told_who_it_is_and_what_to_do():
    for messages, who, role in [
        (PROMPTS.draft("7"), "You write.", ACTOR),
        (PROMPTS.critique("3->7", Artifact("Hi")), "You read.", CRITIC),
        (PROMPTS.refine("7", Artifact("Hi"), "louder"), "You write.", ACTOR),
        (PROMPTS.merge("7", [Artifact("Hi"), Artifact("Ho")]), "You write.", AGGREGATOR),
    ]:
        system, user = messages
        assert system.text.startswith(who)
        assert role in system.text
        assert "<task>\nSay hello.\n</task>" in user.text


def test_what_is_shown_is_the_work_and_the_comment():
    assert "<work>" not in PROMPTS.draft("7")[1].text
    assert (
        "<work>\nHi\n</work>\n\n<comment>\nlouder\n</comment>" in PROMPTS.refine("7", Artifact("Hi"), "louder")[1].text
    )
    merge = PROMPTS.merge("7", [Artifact("Hi"), Artifact("Ho")])[1].text
    assert merge.index("<work>\nHi\n</work>") < merge.index("<work>\nHo\n</work>")


def test_work_and_comment_are_parts_of_their_own_so_that_they_are_kept_once():
    assert {"Hi", "louder"} <= set(PROMPTS.refine("7", Artifact("Hi"), "louder")[1].parts)
    first, second = (PROMPTS.critique(edge, Artifact(text)) for edge, text in (("1->2", "Hi"), ("2->3", "Ho")))
    assert first[0] is second[0]
    assert set(first[1].parts) - set(second[1].parts) == {"Hi"}
