"""A reply is read by fixed rules; nothing that a model writes raises, runs or hangs."""

import json
import random

import pytest

from consilience.methods.social_agents.reading import Fact, Planned, read_answer, read_draft, read_turn

TURN = {
    "facts": [{"slot": "place", "value": "Oak Street", "confidence": 0.9, "evidence": ["m12", "m13"]}],
    "look_for": ["dinner", "street"],
    "say": "The place is Oak Street. Do you know the time?",
    "asks": "time",
    "done": False,
}
PLAIN = json.dumps(TURN)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        json.dumps(TURN, indent=3),
        f"```json\n{PLAIN}\n```",
        f"```\n{PLAIN}",
        f"Here you are:\n{PLAIN}\nI hope this helps {{really}}.",
        str(TURN),  # Python's way of writing it
        PLAIN.replace("}]", "},]").replace("false", "false,"),
        PLAIN.replace('"done": false', '"done": False // not yet'),
        PLAIN.replace('"', "“").replace("“:", "”:"),
        PLAIN[:-1],
        json.dumps({"turn": TURN}),
        json.dumps([TURN]),
        PLAIN.replace("look_for", "Look-For").replace('"say"', '"utterance"').replace('"facts"', '"Found"'),
        PLAIN.replace('"asks"', '"think": {"a": [1, {"b": "}"}]}, "asks"'),
    ],
)
def test_what_is_near_to_the_form_is_read_as_what_was_meant(text):
    read = read_turn(text)
    assert read.facts == (Fact("place", "Oak Street", 0.9, (12, 13)),)
    assert (read.say, read.asks, read.done) == (TURN["say"], "time", False)
    assert read.look_for == ("dinner", "street")


def test_a_reply_that_needs_no_mending_says_so():
    assert read_turn(PLAIN).repairs == ()
    assert read_turn(str(TURN).replace("'say'", "'utterance'")).repairs


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"place": "Oak Street", "time": 8}, [("place", "Oak Street"), ("time", "8")]),
        ({"slot": "place", "value": ["Oak", "Elm"]}, [("place", "Oak, Elm")]),
        ([{"name": "place", "val": True}], [("place", "yes")]),
        (["place: Oak Street"], [("place", "Oak Street")]),
        ([{"slot": "place", "value": "unknown"}, {"slot": "", "value": "x"}, 7, None, []], []),
        ([{"slot": "place", "value": {"a": 1}}], []),
        ("nothing", []),
    ],
)
def test_facts_come_in_many_forms(facts, expected):
    assert [(one.slot, one.value) for one in read_turn(json.dumps({"say": "", "facts": facts})).facts] == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (0.4, 0.4),
        ("40%", 0.4),
        (40, 0.4),
        ("high", 0.9),
        (None, 1.0),
        (-3, 0.0),
        (1e999, 0.0),
        ("dunno", 0.0),
        ([], 0.0),
    ],
)
def test_confidence_is_a_share(said, expected):
    reply = json.dumps({"say": "", "facts": [{"slot": "a", "value": "b", "confidence": said}]})
    assert read_turn(reply).facts[0].confidence == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["m12", "[m13]"], (12, 13)),
        ("m12, m13 and m12", (12, 13)),
        (12, (12,)),
        (["u4", "at 10:15 on 2024-05-02", 1.5, {"m": 1}], ()),
        (["m" + "9" * 40], ()),
    ],
)
def test_evidence_is_numbers_of_messages(said, expected):
    reply = json.dumps({"say": "", "facts": [{"slot": "a", "value": "b", "evidence": said}]})
    assert read_turn(reply).facts[0].evidence == expected


def test_a_plan_may_name_slots_alone_and_give_values_with_them():
    text = '{"slots": ["place", {"slot": "time", "text": "the time", "value": "8 pm", "evidence": "m4"}, {}, null]}'
    read = read_draft(text)
    assert read.slots == (Planned("place", "place"), Planned("time", "the time"))
    assert read.facts == (Fact("time", "8 pm", 1.0, (4,)),)


def test_an_answer_that_says_there_is_none_abstains():
    assert read_answer('{"answer": "unknown", "why": "no time"}').answer == ""
    assert read_answer('{"answer": ["Ann", "Bea"]}').answer == "Ann, Bea"
    assert read_answer('{"answer": 42}').answer == "42"


def test_prose_is_said_and_a_torn_object_is_not():
    assert read_turn("I do not know.\x00\x1b[31m").say == "I do not know. [31m"
    assert read_turn('{"say').say == ""
    assert read_turn("").say == ""


def test_no_reply_runs_anything():
    text = '{"say": "__import__(\'os\').system(\'true\')", "facts": [().__class__.__mro__]}'
    assert read_turn(text).say == "__import__('os').system('true')"


def malformed(seed: int) -> str:
    """Return a reply that went wrong in some of the ways that replies go wrong."""
    chance = random.Random(seed)
    base = json.dumps(TURN, indent=chance.choice([None, 2]), ensure_ascii=chance.random() < 0.5)
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(base) + 1), chance.randint(0, 12)
        kind = chance.randrange(8)
        if kind == 0:
            base = base[:at]
        elif kind == 1:
            base = base[:at] + base[at + length :]
        elif kind == 2:
            base = base[:at] + "".join(chance.choices("{}[]\",:'\\`\n\x00\ud800é/*#", k=length)) + base[at:]
        elif kind == 3:
            base = base.replace('"', chance.choice(["'", "“", '\\"', ""]), chance.randint(1, 9))
        elif kind == 4:
            base = chance.choice(["```json\n", "Sure:\n", "[" * 40, "{" * 40, '{"a":' * 30]) + base
        elif kind == 5:
            base = base.replace(
                chance.choice(["facts", "say", "slot", "value"]), chance.choice(["", "Facts", "0", "null"])
            )
        elif kind == 6:
            base += base[at:]
        else:
            base = base.replace(
                chance.choice(["0.9", "false", '["m12", "m13"]']), chance.choice(["NaN", "1e999", "{}", "-"])
            )
    return base


def test_no_reply_of_a_thousand_that_went_wrong_raises():
    read = 0
    for seed in range(1000):
        text = malformed(seed)
        turn, draft, answer = read_turn(text), read_draft(text), read_answer(text)
        assert all(isinstance(one.value, str) and one.value and 0 <= one.confidence <= 1 for one in turn.facts)
        assert len(turn.say) <= 2000
        assert turn.say.isprintable()
        assert len(answer.answer) <= 2000
        assert all(one.slot for one in draft.slots)
        read += any(fact.slot == "place" for fact in turn.facts)
    assert read > 350  # most of them are torn beyond that
