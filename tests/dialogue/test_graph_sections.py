"""Sections of a page: texts stay texts, and cells lead to the elements they are about."""

import re

from consilience.dialogue.graph_page import GraphEdge, GraphNode, Section, SectionCell, page

NODES = [GraphNode(id="A"), GraphNode(id="B")]


def shown(*sections: Section) -> str:
    return page(title="Teams", nodes=NODES, edges=[GraphEdge(source="A", target="B")], sections=sections)


def test_cells_say_their_state_and_lead_to_their_element() -> None:
    cell = SectionCell(text="7", beneath="$0.02", state="failed", element="B", number=True)
    html = shown(Section(title="Matrix", note="Who did what.", head=("team", "draft"), rows=(("A", cell),)))
    assert '<h2 id="section-1">Matrix</h2>' in html
    assert "Who did what." in html
    row = html[html.index('<th scope="row"') :]
    assert re.search(r'<td class="number tint-failed">.*?failed.*?<a href="#e1">7</a>.*?\$0\.02', row)
    assert row.startswith('<th scope="row" class="">A</th>')


def test_markup_in_a_text_is_a_text() -> None:
    html = shown(Section(title="<u>", head=("<s>",), rows=(("<script>alert(1)</script>",),), note="<q>"))
    assert not any(tag in html for tag in ("<u>", "<s>", "<q>", "<script>alert"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_an_element_that_is_not_there_is_no_link() -> None:
    html = shown(Section(title="T", head=("x",), rows=((SectionCell(text="gone", element="C"),),)))
    assert re.search(r"<th [^>]*>gone</th>", html)


def test_without_sections_there_are_none() -> None:
    assert "section-1" not in shown()
