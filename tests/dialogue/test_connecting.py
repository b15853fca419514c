"""A name leads to whoever answers, or to a sentence that says what is missing."""

import os

import pytest

from consilience.dialogue.connecting import connect
from consilience.dialogue.endpoint import Endpoint
from consilience.dialogue.models import ChatModel
from consilience.dialogue.players import constant
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.through_pydantic_ai import ThroughPydanticAI
from consilience.ground.errors import InvalidInput, MissingDependency, UnknownName

OWN = "CONSILIENCE_API_KEY"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for name in (OWN, "OPENAI_API_KEY", "OPENAI_BASE_URL", "DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_every_kind_of_name(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    found = {
        "rehearsal:mine": connect("rehearsal:mine", players={"mine": constant("x")}),
        "compatible:llama": connect("llama", base_url="http://localhost/v1"),
        "compatible:mine": connect("compatible:mine", base_url="http://localhost/v1"),
        "openai:gpt-4o": connect("openai:gpt-4o"),
    }
    assert {name: model.name for name, model in found.items()} == {name: name for name in found}
    assert [type(model) for model in found.values()] == [Rehearsal, Endpoint, Endpoint, ThroughPydanticAI]
    assert all(isinstance(model, ChatModel) for model in found.values())


def test_an_unknown_provider_or_rehearsal_has_near_ones():
    with pytest.raises(UnknownName, match="unknown provider 'opanai'; did you mean 'openai'"):
        connect("opanai:gpt-4o")
    with pytest.raises(UnknownName, match="did you mean 'echo'"):
        connect("rehearsal:ecko")


@pytest.mark.parametrize(
    ("name", "variable"), [("openai:gpt-4o", "OPENAI_API_KEY"), ("deepseek:x", "DEEPSEEK_API_KEY")]
)
def test_a_missing_key_is_named_by_its_variable(name, variable):
    with pytest.raises(InvalidInput, match=f"needs {variable} in the environment; set it$"):
        connect(name)
    with pytest.raises(InvalidInput, match=r"; set it, or leave --model out to rehearse with a stand-in$"):
        connect(name, rehearsed=True)


@pytest.mark.parametrize("name", ["openai:gpt-4o", "openai-chat:gpt-4o", "openai-responses:gpt-4o", "deepseek:x"])
@pytest.mark.parametrize("nothing", ["", " "])
def test_a_key_that_is_set_and_empty_is_a_missing_one(monkeypatch, name, nothing):
    variable = f"{name.partition(':')[0].partition('-')[0].upper()}_API_KEY"
    monkeypatch.setenv(variable, nothing)
    with pytest.raises(InvalidInput, match=f"needs {variable} in the environment; set it"):
        connect(name)
    assert os.environ[variable] == nothing


def test_an_address_that_is_set_and_empty_is_the_providers_own(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    found = []
    for nothing in (None, ""):
        if nothing is not None:
            monkeypatch.setenv("OPENAI_BASE_URL", nothing)
        found.append(connect("openai:gpt-4o")._model.base_url)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("http://localhost:8000/v1", "own"),
        ("https://openai.com.somewhere.example/v1", "own"),
        ("https://notopenai.com/v1", "own"),
        ("https://somewhere.example/api.openai.com/v1", "own"),
        ("https://api.openai.com/v1", "openai's"),
        ("https://eu.API.OpenAI.com:443/v1", "openai's"),
        ("https://gateway.example/v1", "openai's"),
        ("https://other.gateway.example/v1", "own"),
    ],
)
def test_a_key_goes_to_whom_it_belongs(monkeypatch, address, key):
    monkeypatch.setenv("OPENAI_BASE_URL", "https://gateway.example/openai/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "openai's")
    monkeypatch.setenv(OWN, "own")
    assert connect("llama", base_url=address)._key == key
    monkeypatch.delenv(OWN)
    assert connect("llama", base_url=address)._key == (None if key == "own" else key)


def test_a_server_has_the_key_of_servers_whoever_it_is(monkeypatch):
    monkeypatch.setenv(OWN, "own")
    assert connect("gpt-4o", base_url="https://api.openai.com/v1")._key == "own"
    monkeypatch.setenv(OWN, "")
    assert connect("llama", base_url="http://localhost/v1")._key is None


@pytest.mark.parametrize("odd", ["", " ", "no address", "http://[", "http://"])
def test_an_address_of_openai_s_that_is_none_is_nobody_s(monkeypatch, odd):
    monkeypatch.setenv("OPENAI_BASE_URL", odd)
    monkeypatch.setenv("OPENAI_API_KEY", "openai's")
    assert connect("llama", base_url="http://localhost/v1")._key is None
    with pytest.raises(InvalidInput, match="`base_url` must be like"):
        connect("llama", base_url="http://[")


def test_a_missing_library_of_a_provider_is_named():
    with pytest.raises(MissingDependency, match=r"'groq' needs pydantic-ai-slim\[groq\]"):
        connect("groq:llama")


@pytest.mark.parametrize("name", ["gpt-4o", "", ":x", "openai:", "compatible:mine"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(InvalidInput):
        connect(name)


def test_a_time_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="timeout_s"):
        connect("openai:gpt-4o", timeout_s=0.0)
