"""A run on the terminal."""

import asyncio
import io
import re
import time

import pytest
from rich.console import Console

from consilience.dialogue.live import Live
from consilience.dialogue.transcript import Event, Transcript


def console(*, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=160, force_terminal=terminal, color_system=None)


def shown(live: Live) -> str:
    return live._console.file.getvalue()


def play(transcript: Transcript) -> None:
    asked = transcript.add("asked", "0")
    again = transcript.add("retried", "0", after=(asked,))
    replied = transcript.add("replied", "0", after=(again,), input_tokens=1000, output_tokens=234, usd=1.5)
    transcript.add("committed", "0", after=(replied,))
    transcript.add("replayed", "1", input_tokens=6, usd=9.0)
    transcript.add("skipped", "1", reason="not needed")
    failed = transcript.add("failed", "2", after=(transcript.add("asked", "2"),))
    transcript.add("asked", "3")
    transcript.add("failed", "2", after=(failed,))


def test_every_element_is_in_one_state_and_replayed_replies_cost_nothing() -> None:
    live, transcript = Live("mesh", 6, console=console()), Transcript()
    live.follow(transcript)
    play(transcript)
    assert live.line() == (
        "mesh: 1 of 6 done, 1 running, 2 waiting, 1 skipped, 1 failed; "
        "2 calls, 1 from the journal; 1 retried; 1,240 tokens; $1.50"
    )


def test_a_price_that_is_not_known_is_no_price_of_nothing() -> None:
    live, transcript = Live("mesh", 6, console=console()), Transcript()
    live.follow(transcript)
    transcript.add("replayed", "0", input_tokens=5, usd=None)
    assert live.line().endswith("5 tokens; $0.00")  # a reply from the journal costs nothing, whatever it did cost
    transcript.add("replied", "0", input_tokens=5, usd=None)
    assert live.line().endswith("10 tokens; price not known")
    transcript.add("replied", "1", usd=0.25)
    assert live.line().endswith("; at least $0.25, the price of some calls not known")


def test_a_call_that_failed_leaves_its_element_running() -> None:
    live, transcript = Live("mesh", 1, console=console()), Transcript()
    live.follow(transcript)
    transcript.add("failed", "0", after=(transcript.add("asked", "0"),))
    assert (live.running, live.failed) == ({"0"}, set())


def test_the_way_to_go_shrinks_with_what_is_done() -> None:
    live, transcript = Live("chain", 3, remaining={"0": 6, "1": 4, "2": 2}, console=console()), Transcript()
    live.follow(transcript)
    lengths = [live.to_go]
    for element in "012":
        transcript.add("committed", element)
        lengths.append(live.to_go)
    assert lengths == [6, 4, 2, 0]
    assert "0 turns to go" in live.line()
    assert Live("chain", 3, console=console()).to_go is None


def test_plain_lines_come_now_and_then() -> None:
    with Live("mesh", 6, console=console(), every_s=0.0) as live, Transcript() as transcript:
        live.follow(transcript)
        play(transcript)
    assert len(shown(live).splitlines()) == len(transcript.events()) + 1
    with Live("mesh", 6, console=console(), every_s=60.0) as live:
        transcript.listen(live)
        play(transcript)
    assert shown(live).splitlines() == [live.line()]


def test_a_terminal_shows_a_display_and_takes_it_away() -> None:
    with Live("mesh [of 6]", 6, console=console(terminal=True)) as live, Transcript() as transcript:
        live.follow(transcript)
        play(transcript)
        time.sleep(0.4)
    assert "1 of 6 done, 1 running" in shown(live)
    assert "ctrl-C stops, and what was answered is kept" in shown(live)
    assert shown(live).rstrip().endswith(live.line())


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_interruption_says_how_to_go_on(interruption: type[BaseException]) -> None:
    live = Live("mesh", 6, resume="consilience agent-networks run --resume a", console=console())
    with pytest.raises(interruption), live:
        raise interruption
    assert shown(live).splitlines()[-1] == (
        "mesh: interrupted, and what was answered is kept; go on with: consilience agent-networks run --resume a"
    )


def test_another_error_is_left_to_whoever_catches_it() -> None:
    live = Live("mesh", 6, console=console())
    with pytest.raises(ZeroDivisionError), live:
        raise ZeroDivisionError
    assert "interrupted" not in shown(live)


def test_quiet_is_quiet() -> None:
    for terminal in (False, True):
        live = Live("mesh", 6, quiet=True, console=console(terminal=terminal), every_s=0.0)
        with live:
            live(Event("0", 0.0, "asked", "0"))
        with pytest.raises(KeyboardInterrupt), live:
            raise KeyboardInterrupt
        assert shown(live) == ""


def test_what_is_beneath_is_drawn_anew() -> None:
    drawn = iter(f"row {number}" for number in range(1000))
    with Live("mesh", 6, console=console(terminal=True), beneath=lambda: next(drawn)) as live:
        time.sleep(0.4)
    assert len(set(re.findall(r"row \d+", shown(live)))) > 1


def test_something_else_than_elements_may_be_counted() -> None:
    live = Live("teams", 6, console=console(terminal=True), counted=lambda: (3, 8, "phases"))
    with live:
        time.sleep(0.2)
    assert live.line() == "teams: 3 of 8 phases done; 0 calls; 0 tokens; $0.00"
    assert "3 of 8 phases done" in shown(live)
