"""Rehearsal: what it says belongs to the question and the seed, whatever the order, the concurrency and the faults."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from consilience.dialogue.faults import Faults, Latency, RateLimit
from consilience.dialogue.messages import Message, Question, Reply, Settings
from consilience.dialogue.models import BadReply, ModelError, Refused, Rejected, TimedOut, Unreachable
from consilience.dialogue.players import constant, echo, talker
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal, notice_for, rehearse, tokens_of
from consilience.ground import InvalidInput, UnknownName

WRONG = 1e-4
"""Probability that a correct law would be refused, had the seed not been fixed."""


def asked(number: int, text: str = "Say something.", **settings: int) -> Question:
    return Question(str(number), (Message("user", (text,)),), Settings(**settings))


QUESTIONS = [asked(number) for number in range(300)]


async def _until_answered(model: Rehearsal, question: Question) -> Reply:
    while True:
        try:
            return await model.reply(question)
        except ModelError:
            await asyncio.sleep(0)


def replies(model: Rehearsal, questions: Sequence[Question], at_once: int) -> dict[str, tuple[object, ...]]:
    """Ask all questions, so many at once, again and again until each is answered."""

    async def ask() -> list[tuple[Question, Reply]]:
        places = asyncio.Semaphore(at_once)

        async def one(question: Question) -> tuple[Question, Reply]:
            async with places:
                return question, await _until_answered(model, question)

        return await asyncio.gather(*[one(question) for question in questions])

    return {
        question.element: (reply.text, reply.model, reply.usage, reply.finish) for question, reply in asyncio.run(ask())
    }


def noisy(seed: int = 0, **settings: object) -> Rehearsal:
    return Rehearsal(talker, name="talker", seed=seed, skill=0.8, noise=0.1, **settings)  # type: ignore[arg-type]


def test_same_replies_in_any_order_and_at_any_concurrency() -> None:
    first = replies(noisy(), QUESTIONS, 1)
    shuffled = [QUESTIONS[place] for place in np.random.default_rng(0).permutation(len(QUESTIONS))]
    late = Latency.lognormal(0.002, 1.0)
    assert replies(noisy(latency=late), shuffled, 50) == first
    assert replies(noisy(latency=Latency.queueing(3, 0.0005, 0.5)), shuffled, 300) == first
    assert replies(noisy(seed=1), QUESTIONS, 1) != first


def test_faults_and_latencies_change_no_reply_that_comes_through() -> None:
    first = replies(noisy(faults=Faults(malformed_text=0.2)), QUESTIONS, 1)
    faults = Faults(rate_limited=0.2, server_error=0.2, half_json=0.2, disconnect=0.2, malformed_text=0.2)
    model = noisy(faults=faults)
    assert replies(model, QUESTIONS, 100) == first
    outcomes = {visit.outcome for visit in model.attendance.visits}
    assert outcomes == {"rate_limited", "server_error", "half_json", "disconnect", "replied"}


def test_what_it_says_is_known_without_asking() -> None:
    model = noisy(faults=Faults(server_error=1.0))
    told = [model.says(question) for question in QUESTIONS[:20]]
    assert [replies(noisy(), [question], 1)[question.element][0] for question in QUESTIONS[:20]] == told
    assert not model.attendance.visits


def test_every_part_of_a_question_makes_another_question() -> None:
    model = Rehearsal(talker, name="talker")
    one = asked(1)
    others = [
        asked(2),
        asked(1, "Say something else."),
        asked(1, seed=1),
        Question("1", one.messages, occurrence=1),
        Question("1", (Message("system", ("Say something.",)),)),
    ]
    assert len({model.says(question) for question in [one, *others]}) == 6


def test_skill_is_the_share_of_questions_that_the_player_gets() -> None:
    questions = [asked(number) for number in range(4000)]
    models = {skill: Rehearsal(constant("42"), skill=skill) for skill in (0.0, 0.3, 0.7, 1.0)}
    played = {skill: {q.element for q in questions if model.says(q) == "42"} for skill, model in models.items()}
    assert [len(played[skill]) for skill in (0.0, 1.0)] == [0, 4000]
    for skill in (0.3, 0.7):
        assert stats.binomtest(len(played[skill]), 4000, skill).pvalue > WRONG
    assert played[0.3] < played[0.7]


def test_noise_is_the_share_of_words_that_are_lost() -> None:
    words = " ".join(f"w{number}" for number in range(5000))
    question = asked(1, words)
    heard = {noise: Rehearsal(echo, noise=noise).says(question).split() for noise in (0.0, 0.2, 0.5, 1.0)}
    assert (heard[0.0], heard[1.0]) == (words.split(), [])
    assert stats.binomtest(len(heard[0.2]), 5000, 0.8).pvalue > WRONG
    assert stats.binomtest(len(heard[0.5]), 5000, 0.5).pvalue > WRONG
    assert set(heard[0.5]) < set(heard[0.2])
    assert heard[0.5] == [word for word in words.split() if word in set(heard[0.5])]


def test_malformed_texts_are_replies_that_came() -> None:
    model = Rehearsal(constant('{"answer": "yes", "why": "because"}'), faults=Faults(malformed_text=0.25))
    texts = [model.says(asked(number)) for number in range(4000)]
    whole = texts.count('{"answer": "yes", "why": "because"}')
    assert stats.binomtest(whole, 4000, 0.75).pvalue > WRONG


def test_usage_counts_every_four_characters_and_stops_where_it_is_told() -> None:
    async def ask(question: Question) -> Reply:
        return await Rehearsal(echo).reply(question)

    question = Question("7", (Message("system", ("abc",)), Message("user", ("abcdef", "gh"))))
    reply = asyncio.run(ask(question))
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.usd) == (3, 2, 0.0)
    short = asyncio.run(ask(asked(1, "x" * 100, max_tokens=5)))
    assert (short.text, short.finish, short.usage.output_tokens) == ("x" * 20, "length", 5)


@pytest.mark.parametrize(("characters", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2)])
def test_tokens_of(characters: int, tokens: int) -> None:
    assert tokens_of(characters) == tokens


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("rate_limited", Refused),
        ("server_error", ModelError),
        ("stall", TimedOut),
        ("half_json", BadReply),
        ("empty", BadReply),
        ("disconnect", Unreachable),
    ],
)
def test_each_fault_is_an_error_of_the_tree(fault: str, error: type[ModelError]) -> None:
    model = Rehearsal(echo, faults=Faults(**{fault: 1.0}, stall_s=0.01))
    with pytest.raises(error):
        asyncio.run(model.reply(asked(1)))
    assert model.attendance.count(fault) == 1
    assert model.attendance.present == 0


def test_a_limit_is_enforced_and_a_refusal_is_no_attempt() -> None:
    limit = RateLimit(requests_per_minute=600, enforced="window", window_s=0.3)
    model = Rehearsal(echo, limit=limit, faults=Faults(server_error=0.3))

    async def press() -> None:
        async def one(question: Question) -> None:
            while True:
                try:
                    await model.reply(question)
                except Refused as refused:
                    await asyncio.sleep((refused.retry_after_s or 60.0) / 3)
                except ModelError:
                    continue
                else:
                    return

        await asyncio.gather(*[one(asked(number)) for number in range(12)])

    asyncio.run(press())
    through = sorted(visit.arrived_s for visit in model.attendance.visits if visit.outcome != "rate_limited")
    # Three in any window of .3 s: of four that follow one another the last comes a window after the first.
    assert all(late - early >= 0.3 for early, late in zip(through, through[3:], strict=False))
    assert model.attendance.count("rate_limited") > 0
    unlimited = Rehearsal(echo, faults=Faults(server_error=0.3))
    replies(unlimited, [asked(number) for number in range(12)], 1)
    assert model.attendance.count("server_error") == unlimited.attendance.count("server_error")


def test_a_call_larger_than_the_limit_is_refused_for_good() -> None:
    model = Rehearsal(echo, limit=RateLimit(tokens_per_minute=60))
    with pytest.raises(Rejected, match="ask for less"):
        asyncio.run(model.reply(asked(1, "x" * 4000)))


def test_slots_bound_what_is_served_at_once() -> None:
    model = Rehearsal(echo, latency=Latency.queueing(4, 0.01))
    began = time.monotonic()
    replies(model, QUESTIONS[:40], 40)
    took_s = time.monotonic() - began
    assert took_s >= 0.1
    assert model.attendance.peak == 40
    waited = sorted(visit.finished_s - visit.arrived_s for visit in model.attendance.visits)
    assert waited[0] >= 0.009
    assert waited[-1] >= 0.09


def test_a_caller_who_gives_up_leaves_its_place() -> None:
    model = Rehearsal(echo, latency=Latency.queueing(1, 0.02), faults=Faults())

    async def give_up() -> Reply:
        tasks = [asyncio.create_task(model.reply(asked(number))) for number in range(3)]
        await asyncio.sleep(0.005)
        tasks[0].cancel()
        tasks[1].cancel()
        await asyncio.wait(tasks[:2])
        assert [task.cancelled() for task in tasks] == [True, True, False]
        return await asyncio.wait_for(tasks[2], 5)

    assert asyncio.run(give_up()).text == "Say something."
    assert (model.attendance.count("gone"), model.attendance.count("replied")) == (2, 1)
    assert asyncio.run(model.reply(asked(9))).text == "Say something."


def test_without_latency_no_reply_waits_for_the_loop() -> None:
    coroutine = Rehearsal(echo).reply(asked(1))

    async def at_once() -> str:
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value.text
        return "it waited"

    assert asyncio.run(at_once()) == "Say something."


def test_a_players_bug_keeps_its_error() -> None:
    def broken(question: Question, chance: np.random.Generator) -> str:
        raise ZeroDivisionError("broken")

    model = Rehearsal(broken)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(model.reply(asked(1)))
    assert model.attendance.present == 0


def test_names_say_that_it_is_a_rehearsal() -> None:
    assert Rehearsal(echo, name="rehearsal:x").name == Rehearsal(echo, name="x").name == "rehearsal:x"
    assert asyncio.run(Rehearsal(echo, name="x").reply(asked(1))).model == "rehearsal:x"
    assert "not a language model" in REHEARSAL_NOTICE


def test_rehearsals_are_found_by_name() -> None:
    assert rehearse("talker", seed=3).says(asked(1)) == Rehearsal(talker, name="talker", seed=3).says(asked(1))
    assert rehearse("rehearsal:mine", {"mine": constant("me")}).says(asked(1)) == "me"
    with pytest.raises(UnknownName, match="unknown rehearsal 'ekko'; did you mean 'echo'"):
        rehearse("rehearsal:ekko")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"skill": 1.1}, "`skill` must be from 0 to 1; got 1.1"),
        ({"noise": float("nan")}, "`noise` must be from 0 to 1; got nan"),
        ({"name": "rehearsal:"}, "`name` must say what the rehearsal is called"),
    ],
)
def test_what_is_out_of_range_is_refused(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        Rehearsal(echo, **arguments)  # type: ignore[arg-type]


def test_it_speaks_the_same_in_every_release() -> None:
    question = Question("7", (Message("user", ("Say something.",)),))
    assert (
        Rehearsal(talker, name="talker")
        .says(question)
        .startswith("Case by two sample check which. Way order these more")
    )


def test_only_a_stand_in_is_noticed() -> None:
    assert notice_for(["openai:gpt-4o", "rehearsal:echo"])
    assert not notice_for(["openai:gpt-4o"])
