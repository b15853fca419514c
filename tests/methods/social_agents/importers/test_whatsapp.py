"""Chats of WhatsApp: what no sample shows, and what is no chat."""

from datetime import UTC, datetime

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.whatsapp import begins_message, read

LRM = "\u200e"


@pytest.fixture
def chat(tmp_path):
    def written(text, name="Chat.txt", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, **options)

    return written


def texts(export):
    return [said.text for said in export.messages]


def days(export):
    return [said.sent_at.date().isoformat() for said in export.messages]


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("12/31/20, 9:05\u202fPM - Ann: hi", True),
        (f"{LRM}[31.12.20, 21:05:10] Ann: hi", True),
        ("2020. 5. 2. 오후 9:05, Ann : hi", True),
        ("2020/12/31 下午9:05 - Ann: hi", True),
        ("31/12/2020 at 21:05 - Ann: hi", True),
        ("٣١/١٢/٢٠٢٠، ٩:٠٥ م - Ann: hi", True),
        ("On 31/12/2020, 21:05 - we met", False),
        ("31/12/2020 we met", False),
        ("[31/12/2020] Ann: hi", False),
        ("", False),
    ],
)
def test_what_begins_a_message(line, begins):
    assert begins_message(line) is begins


class TestDates:
    def test_a_day_above_twelve_tells_the_order_of_all(self, chat):
        assert days(chat("1/2/24, 10:00 - A: x\n1/13/24, 10:00 - A: y")) == ["2024-01-02", "2024-01-13"]
        assert days(chat("1/2/24, 10:00 - A: x\n13/2/24, 10:00 - A: y")) == ["2024-02-01", "2024-02-13"]

    def test_else_the_order_in_which_time_does_not_go_back(self, chat):
        export = chat("1/2/24, 10:00 - A: x\n1/3/24, 10:00 - A: y\n2/1/24, 10:00 - A: z")
        assert days(export) == ["2024-01-02", "2024-01-03", "2024-02-01"]
        assert not export.notes

    def test_what_may_be_read_in_two_ways_is_said(self, chat):
        export = chat("1/2/24, 10:00 - A: x")
        assert days(export) == ["2024-02-01"]
        assert "two ways" in export.notes[0]
        assert days(chat("1/2/24, 9:00 AM - A: x")) == ["2024-01-02"]
        assert not chat("2/2/24, 10:00 - A: x").notes

    def test_the_order_may_be_given(self, chat):
        export = chat("1/2/24, 10:00 - A: x", dates="month-first")
        assert days(export) == ["2024-01-02"]
        assert not export.notes
        with pytest.raises(InvalidInput, match="`dates`"):
            chat("31/12/24, 10:00 - A: x", dates="month-first")

    def test_a_line_with_an_impossible_date_is_text(self, chat):
        assert texts(chat("13/2/24, 10:00 - A: x\n31/2/24, 10:00 - A: y")) == ["x\n31/2/24, 10:00 - A: y"]

    def test_noon_and_midnight(self, chat):
        export = chat("1/31/24, 12:00 AM - A: x\n1/31/24, 12:00 PM - A: y")
        assert [said.sent_at.hour for said in export.messages] == [0, 12]

    def test_times_are_of_the_zone(self, chat):
        export = chat("31/7/24, 12:00 - A: x", zone="America/New_York")
        assert export.messages[0].sent_at == datetime(2024, 7, 31, 16, tzinfo=UTC)
        with pytest.raises(InvalidInput, match="time zone"):
            chat("31/7/24, 12:00 - A: x", zone="Atlantis/Deep")

    def test_clocks_that_go_back_keep_the_order_of_the_file(self, chat):
        export = chat("31/7/24, 12:00 - A: x\n30/7/24, 11:00 - A: y")
        assert texts(export) == ["x", "y"]
        assert days(export) == ["2024-07-31", "2024-07-30"]


class TestAuthors:
    def test_names_and_numbers(self, chat):
        export = chat(
            "[31/7/24, 12:00:00] ~\u202fBea: x\n[31/7/24, 12:00:00] \u202a+49 170 1\u202c: y\n"
            '[31/7/24, 12:00:00] Ann "Nan" Ode: z\n[31/7/24, 12:00:00] Ann: a: b'
        )
        assert [each.name for each in export.people] == ["Bea", "+49 170 1", 'Ann "Nan" Ode', "Ann"]
        assert export.people[1].address == "+49 170 1"
        assert texts(export) == ["x", "y", "z", "a: b"]

    def test_notices_are_no_messages(self, chat):
        export = chat('31/7/24, 12:00 - Ann added Bea\n31/7/24, 12:00 - Ann created group "Trip: Rome"\n'
                      "31/7/24, 12:00 - Ann: hi")  # fmt: skip
        assert texts(export) == ["hi"]
        assert [each.where for each in export.skipped] == ["line 1", "line 2"]

    def test_an_iphone_marks_its_notices(self, chat):
        export = chat(f"[31/7/24, 12:00:00] Ann: {LRM}Ann added Bea\n[31/7/24, 12:00:00] Ann: Ann added Bea")
        assert texts(export) == ["Ann added Bea"]


class TestTexts:
    def test_media_with_words_under_or_before_them(self, chat):
        export = chat(
            f"[31/7/24, 12:00:00] A: {LRM}<attached: 01-PHOTO.jpg>\n"
            f"[31/7/24, 12:00:00] A: The mill {LRM}<attached: m.jpg>"
        )
        assert texts(export) == ["[file 01-PHOTO.jpg]", "The mill [file m.jpg]"]
        assert texts(chat("31/7/24, 12:00 - A: IMG-1.jpg (file attached)\nThe mill")) == ["[file IMG-1.jpg]\nThe mill"]

    def test_words_like_those_of_media_stay(self, chat):
        told = "The committee omitted the second page, and I wonder why it was omitted"
        assert texts(chat(f"31/7/24, 12:00 - A: {told}")) == [told]

    def test_edited_and_deleted(self, chat):
        export = chat(
            f"[31/7/24, 12:00:00] A: at ten{LRM}<This message was edited>\n"
            f"[31/7/24, 12:00:00] A: {LRM}This message was deleted."
        )
        assert texts(export) == ["at ten"]
        assert export.skipped[0].reason == "deleted by its author"

    def test_a_message_may_be_empty(self, chat):
        assert texts(chat("31/7/24, 12:00 - A:\n31/7/24, 12:00 - A: ")) == ["", ""]

    def test_another_layout_in_a_text_begins_nothing(self, chat):
        told = "31/7/24, 12:00 - A: look\n[31/7/24, 12:00:00] Bea: quoted\n31/7/24, 12:01 - A: so"
        assert texts(chat(told)) == ["look\n[31/7/24, 12:00:00] Bea: quoted", "so"]

    def test_line_separators_within_a_text_stay(self, chat):
        assert texts(chat("31/7/24, 12:00 - A: a\u2028b\x0bc\x85d")) == ["a\u2028b\x0bc\x85d"]

    def test_a_megabyte(self, chat):
        assert len(chat("31/7/24, 12:00 - A: " + "x y " * 250_000).messages[0].text) == 999_999


class TestFiles:
    def test_cut_off_within_a_letter(self, chat):
        export = chat("31/7/24, 12:00 - A: Zoë".encode()[:-1])
        assert texts(export) == ["Zo"]
        assert export.cut_off

    def test_utf16_and_windows(self, chat):
        assert texts(chat("31/7/24, 12:00 - A: Zoë".encode("utf-16"))) == ["Zoë"]
        export = chat("31/7/24, 12:00 - A: Zoë\n31/7/24, 12:00 - A: b".encode("cp1252"))
        assert texts(export) == ["Zoë", "b"]
        assert "Windows-1252" in export.notes[0]

    def test_a_longer_export_has_the_keys_of_a_shorter_one(self, chat):
        told = "31/7/24, 12:00 - A: ok\n31/7/24, 12:00 - A: ok"
        short, long = chat(told), chat(told + "\n31/7/24, 12:00 - A: ok\n31/7/24, 12:01 - B: x")
        assert [said.key for said in short.messages] == [said.key for said in long.messages[:2]]
        assert len({said.key for said in long.messages}) == 4

    @pytest.mark.parametrize("told", ["", "nothing", "31/7/24 12:00 Ann hi"])
    def test_what_is_no_chat(self, told, chat):
        with pytest.raises(InvalidInput, match="WhatsApp"):
            chat(told)

    def test_only_notices_leave_an_empty_export(self, chat):
        assert chat("31/7/24, 12:00 - Ann added Bea").messages == ()

    def test_the_title_is_that_of_the_file_or_given(self, chat):
        told = "31/7/24, 12:00 - A: x\n31/7/24, 12:00 - B: x"
        assert chat(told, "WhatsApp-Chat mit Der Mühle.txt").conversations[0].title == "Der Mühle"
        assert chat(told, "_chat.txt").conversations[0].title == "A, B"
        assert chat(told, title="Mine").conversations[0].title == "Mine"
