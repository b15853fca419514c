"""A run of agents that is interrupted by hand once it has some replies, for whoever tests what it says then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_CODE = "import sys; from consilience.cli import main; sys.exit(main())"
_PATIENCE_S = 60


def interrupted(*words: str, out: Path, replies: int) -> tuple[int, str, str]:
    """Run the command of a room into a folder, and press ctrl-C after more than so many replies.

    Returns the exit status, what was told, and what was told aside.
    """
    command = [sys.executable, "-c", _CODE, *words, "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + _PATIENCE_S
        transcript = out / "transcript.jsonl"
        while not (transcript.exists() and transcript.read_text().count('"replied"') > replies):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        told, aside = process.communicate(timeout=_PATIENCE_S)
    return process.returncode, told, aside
