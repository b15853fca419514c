"""Spans of a run, by the semantic conventions for generative AI."""

import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from consilience.dialogue.spans import trace
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import MissingDependency


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """Play a run of two elements, one of which fails, and return its spans by name."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    transcript = Transcript()
    with trace(transcript, tracer=provider.get_tracer("test")):
        begun = transcript.add("run.begins", run="a poem", elements=2)
        asked = transcript.add("asked", "0", after=(begun,), model="m", provider="openai", temperature=0.5, seed=3)
        asked = transcript.add("retried", "0", after=(asked,), attempt=2)
        replied = transcript.add(
            "replied", "0", after=(asked,), model="m-1", input_tokens=8, output_tokens=4, usd=0.1, finish="stop"
        )
        committed = transcript.add("committed", "0", after=(replied,), digest="aa")
        transcript.add("replayed", "1", after=(committed,), model="j", input_tokens=1)
        asked = transcript.add("asked", "1", model="n")
        failed = transcript.add("failed", "1", after=(asked,), error="TimedOut", reason="no answer")
        transcript.add("failed", "1", after=(failed,), error="TimedOut")
        transcript.add("asked", "2", model="left open")
    provider.shutdown()
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_run_holds_its_elements_and_they_their_calls(spans: dict[str, ReadableSpan]) -> None:
    assert set(spans) == {
        "run a poem", "invoke_agent 0", "invoke_agent 1", "invoke_agent 2", "chat m", "chat j", "chat n",
        "chat left open",
    }  # fmt: skip
    parents = {name: span.parent and span.parent.span_id for name, span in spans.items()}
    assert parents["run a poem"] is None
    for child, parent in (("invoke_agent 0", "run a poem"), ("chat m", "invoke_agent 0"), ("chat n", "invoke_agent 1")):
        assert parents[child] == spans[parent].context.span_id
        assert spans[child].end_time <= spans[parent].end_time
    assert len({span.context.trace_id for span in spans.values()}) == 1


def test_calls_carry_the_conventions_names(spans: dict[str, ReadableSpan]) -> None:
    call = spans["chat m"]
    assert call.kind is SpanKind.CLIENT
    assert dict(call.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.seed": 3,
        "gen_ai.response.model": "m-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 8,
        "gen_ai.usage.output_tokens": 4,
        "consilience.usd": 0.1,
    }
    assert [event.name for event in call.events] == ["retried"]
    assert spans["chat j"].attributes["consilience.replayed"]


def test_failures_are_errors_and_links_follow_what_came_before(spans: dict[str, ReadableSpan]) -> None:
    for name in ("chat n", "invoke_agent 1"):
        assert spans[name].status.status_code is StatusCode.ERROR
        assert spans[name].attributes["error.type"] == "TimedOut"
    assert spans["invoke_agent 0"].status.status_code is StatusCode.UNSET
    assert [link.context.span_id for link in spans["invoke_agent 1"].links] == [spans["invoke_agent 0"].context.span_id]


def test_no_key_is_exported(exporter: InMemorySpanExporter) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    transcript = Transcript()
    with trace(transcript, tracer=provider.get_tracer("test")):
        asked = transcript.add("asked", "0", model="m")
        asked = transcript.add("retried", "0", after=(asked,), reason="bad key sk-proj-a1B2c3D4e5F6g7")
        transcript.add("failed", "0", after=(asked,), error="Denied", reason="bad key sk-proj-a1B2c3D4e5F6g7")
    provider.shutdown()
    spans = exporter.get_finished_spans()
    assert {span.status.description for span in spans} == {None, "bad [taken out]"}
    assert "a1B2c3D4e5F6g7" not in "".join(span.to_json() for span in spans)


def test_without_an_sdk_spans_go_nowhere() -> None:
    transcript = Transcript()
    with trace(transcript):
        asked = transcript.add("asked", "0", model="m")
        transcript.add("replied", "0", after=(asked,))
    assert len(transcript.events()) == 2


def test_nothing_is_imported_unless_asked_for() -> None:
    code = "import consilience.dialogue.spans, sys; print([name for name in sys.modules if 'opentelemetry' in name])"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.strip() == "[]"


def test_an_absent_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(MissingDependency, match=r"install consilience\[agents\]"):
        trace(Transcript())
