"""OpenTelemetry spans of a run, made from its transcript: a run holds its elements, an element its calls.

Names and attributes follow the semantic conventions for generative AI: ``invoke_agent`` for an element, ``chat`` for a
call, ``gen_ai.usage.*`` for tokens. An element is linked to those that it came after. What was said is not recorded.
Without an SDK that the user has set up, spans cost next to nothing and go nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from consilience.dialogue.transcript import Event, Fact, OpenCalls, Transcript
from consilience.ground.late import late_module

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, Span, SpanContext, Tracer

__all__ = ["Spans", "trace"]

_ASKED = {
    "model": "gen_ai.request.model",
    "provider": "gen_ai.provider.name",
    "temperature": "gen_ai.request.temperature",
    "max_tokens": "gen_ai.request.max_tokens",
    "seed": "gen_ai.request.seed",
}
_REPLIED = {
    "model": "gen_ai.response.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "usd": "consilience.usd",
}
_ENDS = ("committed", "skipped", "failed")


def trace(transcript: Transcript, *, tracer: Tracer | None = None) -> Spans:
    """Make spans of every event that `transcript` takes down from now on; close what is returned when the run ends.

    Parameters
    ----------
    transcript
        To listen to.
    tracer
        By whom; unless given, that of the provider that the user has set up.

    Raises
    ------
    MissingDependency
        When OpenTelemetry is absent.

    Examples
    --------
    >>> with Transcript() as transcript, trace(transcript) as spans:
    ...     asked = transcript.add("asked", "0", model="rehearsal:echo")
    ...     replied = transcript.add("replied", "0", after=(asked,), output_tokens=3)
    """
    spans = Spans(tracer)
    transcript.listen(spans)
    return spans


class Spans:
    """Listens to a transcript and keeps a span open for the run, for every element at work and for every call."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._api = late_module(
            "opentelemetry.trace", "spans need {missing}; install consilience[agents]", usually="otel"
        )
        self._tracer: Tracer = tracer or self._api.get_tracer("consilience.dialogue")
        self._run: Span | None = None
        self._elements: dict[str, Span] = {}
        self._calls: dict[str, Span] = {}
        self._open = OpenCalls()
        self._ended: dict[str, SpanContext] = {}

    def __enter__(self) -> Spans:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End what is open, whatever happened."""
        self.close()

    def __call__(self, event: Event) -> None:
        """Begin or end what `event` begins or ends."""
        if event.kind == "run.begins":
            self._begin_run(event.facts)
        elif event.kind == "run.ends":
            self.close()
        elif event.element:
            self._element(event)

    def close(self) -> None:
        """End every span that is open: calls, then elements, then the run. May be called twice."""
        for spans in (self._calls, self._elements):
            for span in spans.values():
                span.end()
            spans.clear()
        if self._run is not None:
            self._run.end()
            self._run = None

    def _begin_run(self, facts: Mapping[str, Fact]) -> None:
        self.close()
        self._run = self._tracer.start_span(f"run {facts.get('run', '')}".rstrip())
        _note(self._run, facts, {"run": "consilience.run", "elements": "consilience.elements"})

    def _element(self, event: Event) -> None:
        call = self._open.of(event)
        if event.element not in self._elements:
            self._elements[event.element] = self._begin_element(event)
        element = self._elements[event.element]
        if event.kind == "asked":
            self._calls[event.id] = self._begin_call(event, element)
        elif event.kind in ("replied", "replayed") or (event.kind == "failed" and call is not None):
            span = self._calls.pop(call) if call in self._calls else self._begin_call(event, element)
            self._end_call(event, span)
        elif call in self._calls:
            self._calls[call].add_event(event.kind, dict(_known(event.facts)))
        elif event.kind in _ENDS:
            self._end_element(event, self._elements.pop(event.element))
        else:
            element.add_event(event.kind, dict(_known(event.facts)))

    def _begin_element(self, event: Event) -> Span:
        links: list[Link] = [self._api.Link(self._ended[name]) for name in event.after if name in self._ended]
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": event.element}
        return self._tracer.start_span(
            f"invoke_agent {event.element}", self._inside(self._run), attributes=attributes, links=links
        )

    def _begin_call(self, event: Event, element: Span) -> Span:
        span = self._tracer.start_span(
            f"chat {event.facts.get('model', '')}".rstrip(), self._inside(element), kind=self._api.SpanKind.CLIENT
        )
        span.set_attribute("gen_ai.operation.name", "chat")
        _note(span, event.facts, _ASKED)
        return span

    def _end_call(self, event: Event, span: Span) -> None:
        if event.kind == "failed":
            self._fail(event, span)
        else:
            _note(span, event.facts, _REPLIED)
            if event.facts.get("finish") is not None:
                span.set_attribute("gen_ai.response.finish_reasons", [str(event.facts["finish"])])
            if event.kind == "replayed":
                span.set_attribute("consilience.replayed", True)  # noqa: FBT003  the interface is OpenTelemetry's
        span.end()

    def _end_element(self, event: Event, span: Span) -> None:
        if event.kind == "failed":
            self._fail(event, span)
        else:
            span.set_attribute("consilience.outcome", event.kind)
        self._ended[event.id] = span.get_span_context()
        span.end()

    def _fail(self, event: Event, span: Span) -> None:
        span.set_attribute("error.type", str(event.facts.get("error", "_OTHER")))
        span.set_status(self._api.StatusCode.ERROR, str(event.facts.get("reason", "")))

    def _inside(self, span: Span | None) -> Context | None:
        return None if span is None else self._api.set_span_in_context(span)


def _known(facts: Mapping[str, Fact]) -> Mapping[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}


def _note(span: Span, facts: Mapping[str, Fact], names: Mapping[str, str]) -> None:
    for name, attribute in names.items():
        value = facts.get(name)
        if value is not None:
            span.set_attribute(attribute, value)
