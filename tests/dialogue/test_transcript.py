"""What happened in a run, in the order that it had to happen."""

import asyncio
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.transcript import Event, Transcript, canonical, canonical_digest, read_events
from consilience.ground.errors import InvalidInput

FACTS = {"input_tokens": 412, "usd": 0.0012, "latency_s": 0.213, "digest": "ab" * 16}


def play(network: dict[str, list[str]], latencies: np.ndarray) -> list[Event]:
    """Run a network whose elements take that long, as an engine would: an element asks when its parents committed."""
    transcript, done, finish = Transcript(), {}, {}
    for name, latency in zip(network, latencies, strict=True):
        finish[name] = latency + max((finish[parent] for parent in network[name]), default=0.0)
    for name in sorted(network, key=finish.__getitem__):
        asked = transcript.add("asked", name, after=[done[parent] for parent in network[name]])
        if latencies[list(network).index(name)] > 0.5:
            asked = transcript.add("retried", name, after=[asked], pause_s=1.5)
        replied = transcript.add("replied", name, after=[asked], latency_s=finish[name], output_tokens=len(name))
        done[name] = transcript.add("committed", name, after=[replied], digest=name * 2)
    return transcript.events()


DIAMOND = {"0": [], "1": ["0"], "2": ["0"], "3": ["0"], "4": ["1", "2"], "5": ["3", "4"]}


def test_ids_are_unique_and_only_earlier_events_come_before() -> None:
    events = play(DIAMOND, np.ones(6))
    seen: set[str] = set()
    for event in events:
        assert event.id not in seen
        assert seen.issuperset(event.after)
        seen.add(event.id)
    assert len(seen) == 6 * 4


def test_a_hundred_permutations_of_latency_are_one_canonical_form() -> None:
    generator = np.random.default_rng(0)
    latencies = np.linspace(0.05, 1.0, 6)
    logs = [play(DIAMOND, generator.permutation(latencies)) for _ in range(100)]
    assert len({tuple(event.element for event in log) for log in logs}) > 10
    assert len({canonical_digest(log) for log in logs}) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {**DIAMOND, "5": ["4"]},
        {**DIAMOND, "4": ["1", "3"]},
        {name: parents for name, parents in DIAMOND.items() if name != "5"},
        {"7" if name == "5" else name: parents for name, parents in DIAMOND.items()},
    ],
)
def test_runs_that_did_something_else_differ(changed: dict[str, list[str]]) -> None:
    assert canonical_digest(play(changed, np.ones(len(changed)))) != canonical_digest(play(DIAMOND, np.ones(6)))


def test_canonical_form_counts_what_happened_twice_and_sees_facts() -> None:
    once, twice, other = Transcript(), Transcript(), Transcript()
    once.add("replied", "0", tokens=1)
    for _ in range(2):
        twice.add("replied", "0", tokens=1)
    other.add("replied", "0", tokens=2)
    assert len({canonical(log.events()) for log in (once, twice, other)}) == 3


def test_canonical_form_wants_causes_first() -> None:
    with pytest.raises(InvalidInput, match="'1' comes after '0'"):
        canonical([Event("1", 0.0, "replied", after=("0",))])


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9)), max_size=20))
def test_any_words_survive_the_file(tmp_path_factory: pytest.TempPathFactory, words: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("words") / "transcript.jsonl"
    with Transcript(path) as transcript:
        for element, fact in words:
            transcript.add("kind", element, fact=fact)
    assert [(event.element, event.facts["fact"]) for event in read_events(path)] == words


def test_a_resumed_run_goes_on_in_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "transcript.jsonl"
    with Transcript(path) as transcript:
        first = transcript.add("committed", "0", digest="aa")
    with path.open("ab") as file:
        file.write(b'{"id":"1","at":0.1,"ki')
    assert [event.id for event in read_events(path)] == ["0"]
    with Transcript(path) as transcript:
        transcript.add("committed", "1", after=(first,))
        events = transcript.events()
    assert [(event.id, event.after) for event in events] == [("0", ()), ("1", ("0",))]
    assert read_events(path) == events
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_processes_of_one_run_have_ids_of_their_own(tmp_path: Path) -> None:
    for _ in range(2):
        with Transcript(tmp_path / "a.jsonl", prefix="a.") as transcript:
            last = transcript.add("asked", "0")
    assert last == "a.1"
    with pytest.raises(InvalidInput, match="earlier events"):
        Transcript(prefix="b.").add("asked", "0", after=(last,))


@pytest.mark.parametrize("name", ["0", "1", "-1", "", "x", "²"])
def test_nothing_comes_after_what_has_not_been(name: str) -> None:
    with pytest.raises(InvalidInput, match="`after` must name earlier events"):
        Transcript().add("asked", after=(name,))


def test_the_loop_writes_in_a_moment_and_no_task_is_left(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"

    async def run() -> int:
        with Transcript(path) as transcript:
            transcript.add("asked", "0")
            assert path.stat().st_size == 0
            await asyncio.sleep(0.2)
            assert len(asyncio.all_tasks()) == 1
            return len(read_events(path))

    assert asyncio.run(run()) == 1


def test_threads_may_add_at_once(tmp_path: Path) -> None:
    with Transcript(tmp_path / "transcript.jsonl") as transcript:
        threads = [
            threading.Thread(target=lambda: [transcript.add("asked", **FACTS) for _ in range(1000)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [int(event.id) for event in transcript.events()] == list(range(4000))


def test_listeners_hear_every_event() -> None:
    transcript, heard = Transcript(), []
    transcript.listen(heard.append)
    transcript.add("asked", "0")
    transcript.add("replied", "0", after=("0",))
    assert heard == transcript.events()


@pytest.mark.parametrize(
    ("fact", "kept"),
    [
        ("x" * 1000, "x" * 199 + "…"),
        ("Incorrect key sk-proj-a1B2c3D4e5F6g7 given", "Incorrect [taken out] given"),
        ("Authorization: Bearer a1b2c3d4e5f6.g7", "Authorization: [taken out]"),
        ("?api_key=a1b2c3d4e5f6", "?api_[taken out]"),
        ("tokens a minute: 60000 are allowed", "tokens a minute: 60000 are allowed"),
        (float("nan"), None),
        (True, True),
        (0.5, 0.5),
    ],
)
def test_no_prompt_and_no_key_is_kept(tmp_path: Path, fact: object, kept: object) -> None:
    with Transcript(tmp_path / "transcript.jsonl") as transcript:
        transcript.add("failed", reason=fact)
    assert transcript.events()[0].facts == {"reason": kept}


def test_listeners_and_events_in_memory_have_no_key_either() -> None:
    transcript, heard = Transcript(), []
    transcript.listen(heard.append)
    transcript.add("failed", reason="Incorrect key sk-proj-a1B2c3D4e5F6g7 given")
    assert heard == transcript.events()
    assert heard[0].facts == {"reason": "Incorrect [taken out] given"}


def test_a_full_disk_stops_the_transcript_and_not_the_run() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full on this system")
    transcript = Transcript("/dev/full")
    transcript.add("asked", "0")
    with pytest.warns(RuntimeWarning, match="No space left on device; the run goes on"):
        transcript.flush()
    transcript.add("asked", "1")
    transcript.close()
    assert "stopped" in (transcript.trouble or "")


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    wrong = tmp_path / "letter.txt"
    wrong.write_text('{"id":"0","at":0.1,"kind":"asked"}\nDear reader,\n')
    with pytest.raises(InvalidInput, match=r"letter\.txt must be a transcript.*line 2 is none"):
        read_events(wrong)
    with pytest.raises(InvalidInput, match=r"letter\.txt must be a transcript.*its last line"):
        Transcript(wrong)
    with pytest.raises(InvalidInput, match="that can be written"):
        Transcript(tmp_path)
    with pytest.raises(InvalidInput, match="that can be read"):
        read_events(tmp_path / "absent")


def test_a_closed_transcript_takes_nothing_down(tmp_path: Path) -> None:
    transcript = Transcript(tmp_path / "transcript.jsonl")
    transcript.close()
    transcript.close()
    with pytest.raises(InvalidInput, match="is closed"):
        transcript.add("asked", "0")


@given(
    st.text(max_size=20),
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
        max_size=5,
    ),
)
def test_a_line_is_what_the_library_would_write(tmp_path_factory, element, facts):
    facts = {name: value for name, value in facts.items() if name not in ("self", "kind", "element", "after")}
    path = tmp_path_factory.mktemp("lines") / "transcript.jsonl"
    with Transcript(path) as transcript:
        first = transcript.add("begins", element)
        transcript.add("asked", element, after=(first,), **facts)
    for line in path.read_text("ascii").splitlines():
        assert json.dumps(json.loads(line), separators=(",", ":")) == line
