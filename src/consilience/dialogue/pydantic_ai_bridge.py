"""Between the house's words and those of pydantic-ai; the one module that imports it, and is itself loaded late."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from pydantic import TypeAdapter
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError, UnexpectedModelBehavior, UserError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    UserPromptPart,
)
from pydantic_ai.models import (
    CompletedStreamedResponse,
    Model,
    ModelRequestParameters,
    StreamedResponse,
    infer_model,
    known_model_names,
)
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.providers import infer_provider_class
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from consilience.dialogue.chat_protocol import failure, without_key
from consilience.dialogue.estimate import prompt_tokens
from consilience.dialogue.messages import Finish, Message, Question, Reply, Settings, Usage
from consilience.dialogue.models import BadReply, MissingKey, ModelError, Rejected, TimedOut, Unreachable
from consilience.dialogue.session import NotInJournal, Session
from consilience.ground.errors import InvalidInput, MissingDependency, UnknownName

__all__ = ["SessionModel", "close", "find_model", "turn"]

_FINISHES: dict[str, Finish] = {
    "content_filter": "refused",
    "length": "length",
    "stop": "stop",
    "tool_call": "tools",
}
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]{3,})`")
_SETTING = re.compile(r"_(KEY|TOKEN|URL|ENDPOINT|HOST)$")
"""How variables end that have a key or an address."""
_NO_CONNECTION = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""Errors of HTTP clients before anything was sent."""
_PASSING_FACTS = frozenset({"timestamp", "run_id", "conversation_id", "provider_response_id"})
"""What messages carry and no model is shown: it would make the same request another one on every run."""
_UNSENT = frozenset({"failed_attempts", "history_digest", "metadata", "workspace_ref"})
"""What messages may carry besides for the program alone; none of it counts, and that there could be some is kept."""
_CREDENTIALS = frozenset({"authorization_token", "headers"})
"""What a server of tools is told so that it lets the model in."""
_SETS = ("deferred_capability_ids", "introduced_tool_names", "revealed_tool_names")
"""Parameters without an order: theirs would be another one in every process."""
_OWN = frozenset(
    {
        "extra_headers",
        "first_event_timeout",
        "max_retries",
        "max_tokens",
        "request_timeout",
        "seed",
        "temperature",
        "timeout",
    }
)
"""Settings that a question has a place of its own for, and those by which it is only carried: times, keys, retries."""

_parameters = TypeAdapter(ModelRequestParameters)


def find_model(name: str) -> Model:
    """Return the model of a name.

    Raises
    ------
    InvalidInput
        When its key is missing; the variable is named.
    UnknownName
        When there is no such provider.
    MissingDependency
        When the provider's own library is absent.
    """
    provider = name.partition(":")[0]
    try:
        infer_provider_class(provider)
    except ValueError:
        known = {known.partition(":")[0] for known in known_model_names() if ":" in known}
        raise UnknownName("provider", provider, known | {"ollama", "openrouter"}) from None
    except ImportError as error:
        raise _missing(provider, error) from error
    try:
        with _empty_is_unset():
            model = infer_model(name)
    except ImportError as error:
        raise _missing(provider, error) from error
    except UserError as error:
        raise _misset(provider, error) from error
    except ValueError as error:
        raise InvalidInput(f"{name!r} is no model that can be asked: {error}") from error
    return model


@contextmanager
def _empty_is_unset() -> Iterator[None]:
    """Have keys and addresses that are set but empty pass for those that are not set.

    Some providers look whether a variable is there and not what is in it; what then fails is their own library, with
    an error of its own, or not before the first question.
    """
    empty = [name for name, value in os.environ.items() if not value.strip() and _SETTING.search(name)]
    before = {name: os.environ.pop(name) for name in empty}
    try:
        yield
    finally:
        os.environ.update(before)


async def turn(model: Model, name: str, question: Question, timeout_s: float) -> Reply:
    """Ask a model once, in plain text."""
    settings = _sent_once(model, _settings(question.settings, timeout_s))
    begun = time.perf_counter()
    with _translated(name, model):
        response = await model_request(
            model,
            list(_messages(question.messages)),
            model_settings=settings,
            model_request_parameters=_wanted(question.settings),
            instrument=False,
        )
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    return _reply(response, text, question, name, time.perf_counter() - begun)


async def close(model: Model) -> None:
    """Close the HTTP client of a model, where it has one."""
    client = getattr(model, "client", None)
    ending = getattr(client, "close", None)
    if ending is not None and asyncio.iscoroutinefunction(ending):
        await ending()


class SessionModel(WrapperModel):
    """A model each of whose requests goes through a session."""

    def __init__(self, session: Session, element: str, name: str, wrapped: Model) -> None:
        if isinstance(_innermost(wrapped), FallbackModel):
            raise InvalidInput(
                f"{name} sends several requests for one question, which would be paid as one; let an agent fall back "
                "on models that each go through the session: FallbackModel(as_pydantic_ai(session, element, one), "
                "as_pydantic_ai(session, element, two), fallback_on=(ModelError,))"
            )
        super().__init__(wrapped)
        self._session = session
        self._element = element
        self._name = name
        self._seen: dict[bytes, int] = {}

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Ask through the session."""
        question = self._question(messages, model_settings, model_request_parameters)
        asked = _OneRequest(self._name, self.wrapped, messages, model_settings, model_request_parameters)
        reply = await self._session.with_model(asked).ask(question, caused_by=self._session.last_event(self._element))
        (response,) = ModelMessagesTypeAdapter.validate_json(reply.text)
        if not isinstance(response, ModelResponse):
            raise BadReply(f"the journal has no response under this question of {self._element!r}; fork the run there")
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: Any = None,  # noqa: ARG002  the signature of pydantic-ai
    ) -> AsyncGenerator[StreamedResponse]:
        """Ask through the session, and show the reply as a stream that is over."""
        response = await self.request(messages, model_settings, model_request_parameters)
        yield CompletedStreamedResponse(response, model_request_parameters=model_request_parameters, replay_events=True)

    async def count_tokens(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> RequestUsage:
        """Have the provider count, which is not journalled; offline there is nobody who could."""
        if self._session.offline:
            raise NotInJournal(
                f"how many tokens {self._name} counts is in no journal, and the session is offline; "
                "leave `count_tokens_before_request` out, or run it online"
            )
        return await super().count_tokens(messages, model_settings, model_request_parameters)

    async def cancel_suspended_response(self, response: ModelResponse) -> None:
        """Have the provider give up a job; offline none is under way."""
        if not self._session.offline:
            await super().cancel_suspended_response(response)

    async def batch_create(self, requests: Sequence[Any]) -> Any:  # noqa: ARG002  the signature of pydantic-ai
        """Refuse: a batch would go past journal and budget."""
        raise InvalidInput("a model that goes through a session takes no batches; ask question by question")

    async def compact_messages(self, request_context: Any, *, instructions: str | None = None) -> ModelResponse:  # noqa: ARG002  the signature of pydantic-ai
        """Refuse: what compacts is a paid request, and would go past journal and budget."""
        raise InvalidInput(
            "a model that goes through a session does not compact its messages; shorten them where they are made"
        )

    def _question(
        self, messages: Iterable[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> Question:
        """Return the request as a question, with the number of its like that came before as its occurrence."""
        wanted = settings or ModelSettings()
        said = [
            Message("assistant" if isinstance(message, ModelResponse) else "user", (_lasting(message),))
            for message in messages
        ]
        rest = json.dumps(
            {
                "parameters": _shown(parameters),
                "settings": {key: repr(value) for key, value in sorted(wanted.items()) if key not in _OWN},
            },
            sort_keys=True,
        )
        question = Question(
            self._element,
            (Message("system", (rest,)), *said),
            Settings(
                temperature=wanted.get("temperature"), max_tokens=wanted.get("max_tokens"), seed=wanted.get("seed")
            ),
        )
        key = question.key(self._name)
        occurrence = self._seen.get(key, 0)
        self._seen[key] = occurrence + 1
        return Question(question.element, question.messages, question.settings, occurrence)


class _OneRequest:
    """A `ChatModel` that sends one request of an agent; its reply's text is the whole response as JSON."""

    def __init__(
        self,
        name: str,
        model: Model,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> None:
        self.name = name
        self._model = model
        self._request = (messages, _sent_once(model, settings), parameters)

    async def reply(self, question: Question) -> Reply:
        begun = time.perf_counter()
        with _translated(self.name, self._model):
            response = await self._model.request(*self._request)
        text = ModelMessagesTypeAdapter.dump_json([response]).decode()
        return _reply(response, text, question, self.name, time.perf_counter() - begun)

    async def close(self) -> None:
        """The model is its owner's to close."""


@contextmanager
def _translated(name: str, model: Model) -> Iterator[None]:
    """Turn the errors of pydantic-ai into those of the house, without the key of the model."""
    try:
        yield
    except ModelHTTPError as error:
        body = json.dumps(error.body, default=str).encode() if error.body is not None else b""
        headers = getattr(error, "headers", None) or _headers(error)
        raise failure(error.status_code, headers, body, where=name, key=_key(model)) from error
    except ModelAPIError as error:
        raise _unanswered(name, error, _told(error, model)) from error
    except TimeoutError as error:
        raise TimedOut(f"{name} gave no reply in time; ask again, or raise `timeout_s`") from error
    except UnexpectedModelBehavior as error:
        raise BadReply(f"{name} answered with what is no reply ({_told(error, model)}); ask again") from error
    except UserError as error:
        raise Rejected(f"{name} does not take the question ({_told(error, model)})") from error


def _unanswered(name: str, error: ModelAPIError, told: str) -> ModelError:
    kinds = [type(error).__name__]
    cause = error.__cause__
    while cause is not None:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__
    charged = _NO_CONNECTION.isdisjoint(kinds)
    if any("Timeout" in kind for kind in kinds):
        return TimedOut(f"{name} gave no reply in time; ask again, or raise `timeout_s`", charged=charged)
    if isinstance(error.__cause__, ValueError):
        return BadReply(f"{name} answered with what is no reply ({told}); ask again")
    return Unreachable(f"{name} cannot be reached ({told}); check the network and the address", charged=charged)


def _told(error: ModelAPIError | UnexpectedModelBehavior | UserError, model: Model) -> str:
    """Return the first line of what an error says, without the key: further lines quote the answer in pieces."""
    return without_key(error.message, _key(model)).partition("\n")[0]


def _key(model: Model) -> str | None:
    key = getattr(getattr(model, "client", None), "api_key", None)
    return key if isinstance(key, str) else None


def _headers(error: ModelHTTPError) -> dict[str, str]:
    response = getattr(error.__cause__, "response", None)
    return dict(getattr(response, "headers", None) or {})


def _missing(provider: str, error: ImportError) -> MissingDependency:
    found = re.search(r"pydantic-ai-slim\[[\w-]+\]", str(error))
    what = found.group() if found else (error.name or "its library")
    return MissingDependency(f"the provider {provider!r} needs {what}; install {what}")


def _misset(provider: str, error: UserError) -> InvalidInput:
    variables = _VARIABLE.findall(str(error))
    if not variables:
        return InvalidInput(f"the provider {provider!r} cannot be used: {error}")
    return MissingKey(f"the provider {provider!r} needs {' or '.join(variables)} in the environment; set it")


def _sent_once(model: Model, settings: ModelSettings | None) -> ModelSettings | None:
    """Return settings by which a provider's library sends once: trying again is the session's, which pays for it.

    A model that would not heed them is left alone: it would warn of a setting that nobody has chosen.
    """
    if "max_retries" in _innermost(model).unsupported_settings:
        return settings
    return (settings or ModelSettings()) | ModelSettings(max_retries=0)


def _innermost(model: Model) -> Model:
    """Return the model that is in all the wrappers."""
    while isinstance(model, WrapperModel):
        model = model.wrapped
    return model


def _messages(messages: Iterable[Message]) -> Iterator[ModelMessage]:
    parts: list[ModelRequestPart] = []
    for message in messages:
        if message.role == "assistant":
            if parts:
                yield ModelRequest(parts=parts)
                parts = []
            yield ModelResponse(parts=[TextPart(content=message.text)])
        else:
            part = SystemPromptPart if message.role == "system" else UserPromptPart
            parts.append(part(content=message.text))
    if parts:
        yield ModelRequest(parts=parts)


def _settings(settings: Settings, timeout_s: float) -> ModelSettings:
    made = ModelSettings(timeout=timeout_s)
    if settings.temperature is not None:
        made["temperature"] = settings.temperature
    if settings.max_tokens is not None:
        made["max_tokens"] = settings.max_tokens
    if settings.seed is not None:
        made["seed"] = settings.seed
    return made


def _wanted(settings: Settings) -> ModelRequestParameters:
    if settings.json_schema is None:
        return ModelRequestParameters()
    schema = OutputObjectDefinition(name="reply", json_schema=json.loads(settings.json_schema))
    return ModelRequestParameters(output_mode="native", output_object=schema, allow_text_output=True)


def _reply(response: ModelResponse, text: str, question: Question, name: str, latency_s: float) -> Reply:
    usage = Usage(response.usage.input_tokens, response.usage.output_tokens)
    if not (usage.input_tokens or usage.output_tokens):
        usage = Usage(prompt_tokens(question.messages), prompt_tokens((Message("assistant", (text,)),)))
    return Reply(
        text=text,
        model=response.model_name or name,
        usage=usage,
        finish=_FINISHES.get(response.finish_reason or "stop", "other"),
        latency_s=latency_s,
        priced=False,
    )


def _lasting(message: ModelMessage) -> str:
    """Return a message as JSON, without what is different on every run and what no model is shown."""
    (record,) = ModelMessagesTypeAdapter.dump_python([message], mode="json")
    for facts in (record, *record.get("parts", ())):
        for name in _PASSING_FACTS & facts.keys():
            del facts[name]
        _empty(facts, _UNSENT)
        if facts.get("part_kind") == "user-prompt" and isinstance(facts["content"], list):
            for piece in facts["content"]:
                if isinstance(piece, dict):
                    _empty(piece, _UNSENT)
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


def _shown(parameters: ModelRequestParameters) -> dict[str, Any]:
    """Return parameters as data that is the same in every process, without credentials."""
    record: dict[str, Any] = _parameters.dump_python(parameters, mode="json", fallback=_named)
    for tool in record["native_tools"]:
        _empty(tool, _CREDENTIALS)
    for name in _SETS:
        record[name].sort()
    return record


def _empty(facts: dict[str, Any], names: frozenset[str]) -> None:
    """Take away what stands under names, and leave these: without them, keys of older journals would be others."""
    facts.update(dict.fromkeys(names & facts.keys()))


def _named(value: Any) -> str:
    """Return a name for what is no data, such as a function: its own, and not its address."""
    return str(getattr(value, "__qualname__", type(value).__qualname__))
