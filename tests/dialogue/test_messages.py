"""A question's key says all that is asked, in JSON that is put together by hand: it must be that of the library."""

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.messages import Message, Question, Settings

TEXTS = st.text(st.characters(), max_size=30)
MESSAGES = st.tuples(st.sampled_from(["system", "user", "assistant"]), st.lists(TEXTS, max_size=3))
SETTINGS = st.fixed_dictionaries(
    {
        "temperature": st.none() | st.floats(0, 2),
        "max_tokens": st.none() | st.integers(1, 10**6),
        "seed": st.none() | st.integers(0, 10**9),
        "json_schema": st.none() | TEXTS,
    }
)


@given(TEXTS, TEXTS, st.lists(MESSAGES, max_size=3), SETTINGS, st.integers(0, 999))
def test_a_key_is_the_digest_of_what_the_library_writes(model, element, messages, settings, occurrence):
    said = tuple(Message(role, tuple(parts)) for role, parts in messages)
    question = Question(element, said, Settings(**settings), occurrence)
    settings = question.settings
    asked = (
        model,
        question.element,
        question.occurrence,
        settings.temperature,
        settings.max_tokens,
        settings.seed,
        settings.json_schema,
        [(message.role, message.text) for message in said],
    )
    written = json.dumps(asked, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert question.key(model) == hashlib.blake2b(written, digest_size=16).digest()


def test_equal_settings_give_one_key():
    whole, broken = (Question("7", (), Settings(temperature=one)) for one in (1, 1.0))
    assert whole == broken
    assert whole.key("m") == broken.key("m")
