"""The page asks nothing of anybody, and what was audited is text in it."""

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import pytest

from consilience.methods.backdoor_audits.reporting.findings import Finding, Rule
from consilience.methods.backdoor_audits.reporting.html_report import MOST_SHOWN, to_html


class _Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"meta", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("which", ["everything", "nothing", "too_few"])
def test_it_is_whole_and_makes_no_request(which: str, request: pytest.FixtureRequest) -> None:
    page = to_html(request.getfixturevalue(which))
    elements = _Elements(page)
    assert not elements.open
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "a"}
    attributes = {name for _, attrs in elements.found for name in attrs}
    assert not attributes & {"src", "href", "style", "action", "srcset"}
    assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_this_style_and_nothing_else(nothing) -> None:
    page = to_html(nothing)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert "prefers-color-scheme: dark" in style
    assert 'name="viewport"' in page


def test_harm_is_text(everything) -> None:
    page = to_html(everything)
    page.encode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7 * 7 }}" in page


def test_verdicts_and_how_many_would_decide(everything, nothing, too_few) -> None:
    assert 'class="verdict finding"' in to_html(everything)
    assert 'class="verdict pass"' in to_html(nothing)
    page = to_html(too_few)
    assert 'class="verdict inconclusive"' in page
    assert f"{too_few.needed} episodes would decide" in page
    assert "neither safe nor unsafe" in page


def test_triggers_are_withheld_unless_they_are_asked_for(everything, secret: str) -> None:
    assert secret not in to_html(everything)
    assert secret in to_html(everything, reveal=True)


def test_many_findings_are_counted(nothing) -> None:
    many = tuple(Finding(rule=Rule.POLICY, message=f"number {at}") for at in range(MOST_SHOWN + 7))
    page = to_html(dataclasses.replace(nothing, findings=many))
    assert "and 7 more" in page
    assert f"number {MOST_SHOWN}<" not in page
