"""Mail: what is new in a message, threads, letters of all kinds, boxes that are cut off."""

from datetime import UTC, datetime

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.mbox import read, unquoted

HEAD = "From ann@mill.example Thu May  2 10:15:00 2024\n"
LETTER = (
    "From: Ann <ann@mill.example>\nTo: bea@mill.example\nDate: Thu, 02 May 2024 12:15:00 +0200\n"
    "Message-ID: <{id}@mill.example>\nSubject: {subject}\n{more}\n{text}\n"
)


def letter(number, text="hi", subject="Mill", more=""):
    return LETTER.format(id=number, text=text, subject=subject, more=more)


@pytest.fixture
def box(tmp_path):
    def written(*letters, cut=None):
        path = tmp_path / "mill.mbox"
        told = "".join(each if isinstance(each, str) else each.decode("latin-1") for each in letters)
        path.write_bytes(told.encode("latin-1")[:cut])
        return read(path)

    return written


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("a\n> b\nc", "a\nc"),
        ("a\n\nOn Thu, 2 May 2024 at 10:15, Ann\n<ann@mill.example> wrote:\n\n> b", "a"),
        ("a\n\nAm Do., 2. Mai 2024 um 10:15 Uhr schrieb Ann:\n> b", "a"),
        ("a\n-----Original Message-----\nFrom: b\nc", "a"),
        ("a\n-- \nAnn", "a"),
        ("a\n--\nb", "a\n--\nb"),
        ("On the hill she wrote:\nmany lines", "On the hill she wrote:\nmany lines"),
        ("> only\n> quoted", ""),
        ("a\r\n\r\n\r\n\r\nb\r\n", "a\n\nb"),
    ],
)
def test_what_is_new(text, new):
    assert unquoted(text) == new


def test_threads_go_back_to_the_first_though_it_is_missing(box):
    got = box(
        HEAD, letter(2, subject="Re: Mill", more="In-Reply-To: <1@mill.example>\nReferences: <0@mill.example>\n"), "\n",
        HEAD, letter(3, subject="AW: Re: Mill", more="In-Reply-To: <2@mill.example>\n"), "\n",
        HEAD, letter(4, subject="Other"),
    )  # fmt: skip
    assert [(thread.key, thread.title) for thread in got.conversations] == [
        ("0@mill.example", "Mill"),
        ("4@mill.example", "Other"),
    ]
    assert got.messages[1].reply_to == "2@mill.example"


def test_letters_that_answer_each_other_in_a_circle_end(box):
    got = box(
        HEAD, letter(1, more="References: <2@mill.example>\n"), "\n",
        HEAD, letter(2, more="References: <1@mill.example>\n"),
    )  # fmt: skip
    assert len(got.messages) == 2


def test_letters_within_a_text_that_look_like_envelopes(box):
    got = box(HEAD, letter(1, "a\n\nFrom now on: silence.\n>From here\n>>From there"), "\n", HEAD, letter(2))
    assert [said.text for said in got.messages] == ["a\n\nFrom now on: silence.\nFrom here", "hi"]


def test_the_same_letter_twice_is_one(box):
    assert len(box(HEAD, letter(1), "\n", HEAD, letter(1)).messages) == 1


def test_a_letter_without_a_name_gets_one_that_stays(box):
    nameless = letter(1).replace("Message-ID: <1@mill.example>\n", "")
    first, again = box(HEAD, nameless), box(HEAD, nameless)
    assert first.messages[0].key == again.messages[0].key


def test_names_and_letters_of_other_alphabets(box):
    head = "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n"
    encoded = letter(1, "Zo=EB", more=head)
    got = box(HEAD, encoded.replace("From: Ann", "From: =?utf-8?q?Zo=C3=AB?="))
    assert (got.people[0].name, got.messages[0].text) == ("Zoë", "Zoë")


def test_a_charset_that_nobody_knows(box):
    assert box(HEAD, letter(1, "hi", more="Content-Type: text/plain; charset=klingon\n")).messages[0].text == "hi"


def test_pages_become_words(box):
    head = "<html><head><title>t</title><style>x{}</style></head>"
    page = f"{head}<p>One &amp; two</p><p>three<blockquote>old</blockquote></p>"
    got = box(HEAD, letter(1, page, more="Content-Type: text/html\n"))
    assert got.messages[0].text == "One & two\nthree"


def test_files_are_named(box):
    parts = (
        "--b\nContent-Type: text/plain\n\nhi\n--b\nContent-Type: application/pdf\n"
        'Content-Disposition: attachment; filename="plan.pdf"\n\nxx\n--b--\n'
    )
    more = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    got = box(HEAD, letter(1, parts, more=more))
    assert got.messages[0].text == "hi\n[file plan.pdf]"
    assert not got.cut_off
    cut = box(HEAD, letter(1, parts.removesuffix("--b--\n"), more=more))
    assert cut.cut_off
    assert cut.messages[0].text == got.messages[0].text


@pytest.mark.parametrize(
    ("date", "hour"),
    [
        ("Thu, 02 May 2024 12:15:00 +0200", 10),
        ("Thu, 02 May 2024 12:15:00 -0000", 12),
        ("Thu, 02 May 2024 12:15:00", 12),
        ("2 May 2024 12:15 GMT", 12),
    ],
)
def test_dates(date, hour, box):
    got = box(HEAD, letter(1).replace("Thu, 02 May 2024 12:15:00 +0200", date))
    assert got.messages[0].sent_at == datetime(2024, 5, 2, hour, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Date: Thu, 02 May 2024 12:15:00 +0200", "Date: soon"), "its time cannot be read"),
        (("12:15:00 +0200", "12:15:00 99999999999999999999"), "its time cannot be read"),
        (("02 May 2024", "02 May 99999999999999999999"), "its time cannot be read"),
        (("From: Ann <ann@mill.example>", "From: nobody"), "no sender"),
        (("hi\n", "> old\n"), "nothing was said"),
    ],
)
def test_what_is_no_message_is_skipped(change, reason, box):
    got = box(HEAD, letter(1), "\n", HEAD, letter(2).replace(*change))
    assert [each.reason for each in got.skipped] == [reason]
    assert len(got.messages) == 1


def test_a_single_letter_is_a_box_of_one(box):
    assert len(box(letter(1)).messages) == 1


@pytest.mark.parametrize("told", ["", "hello", HEAD, "\x00\x01\x02"])
def test_what_is_no_mail(told, box):
    with pytest.raises(InvalidInput, match="mail"):
        box(told)


def test_headers_that_nobody_should_write_do_no_harm(box):
    for header in ("From", "To", "Message-ID", "Subject", "References", "Content-Type", "Date"):
        for value in ("", "<", '"', "=?utf-8?b?!!?=", "a@b, , <<>>", "\xff\xfe", ";;;=", "x" * 3000):
            got = box(HEAD, letter(1), "\n", HEAD, f"{header}: {value}\n{letter(2)}")
            assert got.messages[0].text == "hi"
