"""The room's own verbs: scan data and models, measure attacks, and hold a policy against what an agent did.

``consilience backdoor-audits scan-data | scan-model | measure | guard``

They leave with 0 where everything was read and passed, 1 where something was found, 2 for a mistake in how they were
asked, 3 where there is too little to tell or not everything was read, 4 where the audit itself broke.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from consilience.dialogue.command.flags import with_flags
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.ground.folder import require_writable, write_whole
from consilience.ground.late import late_module
from consilience.methods.backdoor_audits.flags import (
    GuardChecking,
    Measuring,
    Reporting,
    ScanningData,
    ScanningModel,
    Spending,
)
from consilience.methods.backdoor_audits.reporting.findings import Exit, Findings

__all__ = ["VERBS"]


@with_flags(ScanningData, Reporting, positional="file")
def scan_data(scanning: ScanningData, reporting: Reporting) -> int:
    """Look for planted rows in a data set, with or without data that are trusted.

    Lines that cannot be read are counted and named, and with one of them nothing passes, unless --allow-broken says so.
    """
    return _told(lambda: _late("data_scan").run(scanning), reporting)


@with_flags(ScanningModel, Reporting, positional="folder")
def scan_model(scanning: ScanningModel, reporting: Reporting) -> int:
    """Look for a backdoor in an adapter or a model: its weights, and triggers that are recovered and tried.

    Only safetensors are read, never a pickle.
    """
    return _told(lambda: _late("model_scan").run(scanning), reporting)


@with_flags(Measuring, Spending, Reporting, positional="")
def measure(measuring: Measuring, spending: Spending, reporting: Reporting) -> int:
    """Measure how often a model obeys triggers, beyond a clean control, and decide whether that is allowed.

    It fails only where the lower end of the interval is above the threshold, and passes only where the upper end is
    below; else it says how many episodes would decide.
    """
    return _told(lambda: _late("measuring").run(measuring, spending), reporting)


@with_flags(GuardChecking, Reporting, positional="what")
def guard(checking: GuardChecking, reporting: Reporting) -> int:
    """Hold a policy against recorded traces, or say whether a log of decisions is what was written.

    Every call that the policy denies is a finding; a call that cannot be read is neither safe nor unsafe.
    """
    return _told(lambda: _guarded(checking), reporting)


VERBS: Mapping[str, Callable[..., int]] = {
    "scan-data": scan_data,
    "scan-model": scan_model,
    "measure": measure,
    "guard": guard,
}
"""What ``consilience backdoor-audits`` can do."""


def _guarded(checking: GuardChecking) -> Findings:
    check = _late("guard_check")
    if checking.what == "verify":
        if checking.log is None or checking.policy is not None or checking.trace is not None:
            raise InvalidInput("guard verify takes --log FILE, and --head DIGEST where it was kept; got something else")
        verified: Findings = check.verify_log(checking.log, head=checking.head)
        return verified
    if checking.policy is None or checking.trace is None or checking.log is not None or checking.head is not None:
        raise InvalidInput("guard check takes --policy FILE.toml and --trace FILE.jsonl; got something else")
    checked: Findings = check.check_files(checking.policy, checking.trace)
    return checked


def _told(audit: Callable[[], Findings], reporting: Reporting) -> int:
    """Run an audit, tell what it came to, write the reports, and return how to leave."""
    for path in _files(reporting):
        require_writable(path, "a report")
    try:
        findings = audit()
        _write(findings, reporting)
        for line in _late("reporting.plain").to_lines(findings, reveal=reporting.reveal, fail_on=reporting.fail_on):
            print(line)
    except ConsilienceError:
        raise
    except Exception as error:  # noqa: BLE001  an audit that breaks has passed nobody
        traceback.print_exc()
        print(f"the audit broke: {type(error).__name__}: {error}; nothing passed", file=sys.stderr)
        return Exit.HARNESS
    return findings.exit(reporting.fail_on)


def _write(findings: Findings, reporting: Reporting) -> None:
    forms = (
        (reporting.json, "json_report", "to_json"),
        (reporting.html, "html_report", "to_html"),
        (reporting.sarif, "sarif", "to_sarif"),
        (reporting.junit, "junit", "to_junit"),
    )
    for path, module, function in forms:
        if path is not None:
            written = getattr(_late(f"reporting.{module}"), function)
            text = written(findings, reveal=reporting.reveal, fail_on=reporting.fail_on)
            try:
                write_whole(path, text)
            except OSError as error:
                raise InvalidInput(f"a report must be writable; {path}: {error.strerror or error}") from error


def _files(reporting: Reporting) -> list[Path]:
    named = (reporting.json, reporting.html, reporting.sarif, reporting.junit)
    files = [path for path in named if path is not None]
    if len({path.resolve() for path in files}) < len(files):
        raise InvalidInput(
            "reports must have files of their own; two of --json, --html, --sarif, --junit name the same"
        )
    return files


def _late(module: str) -> Any:
    return late_module(
        f"consilience.methods.backdoor_audits.{module}",
        "audits need {missing}; install consilience[audits].",
        usually="an optional library",
    )
