from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.lockstep import uncached
from consilience.methods.backdoor_audits.policies import Policy, Talks
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.small import LONGEST_TURN, SmallPolicy
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.words import END, decode, encode


def test_it_is_a_policy_whose_turns_are_those_of_the_agent_alone(random_agent) -> None:
    policy = SmallPolicy(random_agent)
    prompts = [("<bos>", "USER", "os", *extra, END) for extra in ((), ("please",), ("show", "notes", "now"))]
    talks = policy.open(prompts)
    assert isinstance(policy, Policy)
    assert isinstance(talks, Talks)
    told = [list(encode(prompt)) for prompt in prompts]
    for heard in ([(), (), ()], [("OBS", "ok", END), None, ("OBS", "no", END)]):
        said = talks.act(heard)
        for row, (news, turn) in enumerate(zip(heard, said, strict=True)):
            if news is None:
                assert turn == ()
                continue
            told[row] += encode(news)
            alone = uncached(random_agent, told[row], stop=encode((END,)), limit=LONGEST_TURN)
            assert turn == decode(alone)
            told[row] += alone


def test_a_dialogue_without_room_answers_nothing_and_the_others_go_on(random_agent) -> None:
    room = random_agent.config.context
    talks = SmallPolicy(random_agent).open([("ok",) * (room - LONGEST_TURN), ("ok",)])
    said = talks.act([(), ()])
    assert said[0] == ()
    assert said[1]
    assert SmallPolicy(random_agent).open([("ok",)]).act([None]) == [()]


def test_an_untrained_agent_acts_in_the_world_to_the_end_and_solves_nothing(random_agent) -> None:
    outcomes = evaluate(SmallPolicy(random_agent), draw_tasks("web", 5, Streams(100)))
    assert len(outcomes.rows) == 5
    assert not any(row.solved for row in outcomes.rows)
