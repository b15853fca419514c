"""Said: every message and reply is there, with what it took."""

import json
from dataclasses import replace

from consilience.dialogue.command.said import plain, talk
from consilience.dialogue.graph_run import Turn
from consilience.dialogue.messages import Message, Reply, Usage

REPLY = Reply(text="Shorter.", model="m", usage=Usage(1200, 3, 0.25), latency_s=0.5, priced=True)
TURNS = [
    Turn(
        speaker="critic",
        messages=(Message("system", ("You ", "judge.")), Message("user", ("A tale.",))),
        reply=REPLY,
    ),
    Turn(speaker="actor", messages=(Message("user", ("Shorter.",)),), note="no reply"),
]


def test_all_that_was_said_is_told_in_order() -> None:
    assert list(talk("0->1", iter(TURNS))) == [
        "--- 0->1, turn 1 of 2: critic",
        "[system]\nYou judge.",
        "[user]\nA tale.",
        "[reply of m; 1,200 + 3 tokens, 0.50 s]\nShorter.\n",
        "--- 0->1, turn 2 of 2: actor (no reply)",
        "[user]\nShorter.",
    ]


def test_money_is_told_where_it_is_asked_for_and_known() -> None:
    unknown = replace(REPLY, priced=False)
    told = [list(talk("0", [Turn(speaker="a", reply=reply)], priced=True)) for reply in (REPLY, unknown)]
    heads = [lines[1].splitlines()[0] for lines in told]
    assert heads == [
        "[reply of m; 1,200 + 3 tokens, 0.50 s, $0.25]",
        "[reply of m; 1,200 + 3 tokens, 0.50 s, price not known]",
    ]


def test_json_holds_texts_whole() -> None:
    first, second = json.loads(json.dumps([plain(turn) for turn in TURNS]))
    assert first["messages"] == [{"role": "system", "text": "You judge."}, {"role": "user", "text": "A tale."}]
    assert (first["reply"]["text"], first["reply"]["usage"]["input_tokens"]) == ("Shorter.", 1200)
    assert (second["reply"], second["note"]) == (None, "no reply")
