"""People, conversations, messages, who may read them, and the index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "1"
down_revision: str | None = None
branch_labels: None = None
depends_on: None = None

_SQLITE = (
    """CREATE VIEW message_indexed AS
    SELECT message.id, message.text, audience.owners FROM message JOIN audience ON audience.id = message.audience""",
    """CREATE VIRTUAL TABLE message_index USING fts5(
    text, owners, content='message_indexed', content_rowid='id', columnsize=0,
    tokenize='porter unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
    INSERT INTO message_index(rowid, text, owners)
    VALUES (new.id, new.text, (SELECT owners FROM audience WHERE id = new.audience)); END""",
    """CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN
    INSERT INTO message_index(message_index, rowid, text, owners)
    VALUES ('delete', old.id, old.text, (SELECT owners FROM audience WHERE id = old.audience)); END""",
    """CREATE TRIGGER message_changed AFTER UPDATE OF text, audience ON message BEGIN
    INSERT INTO message_index(message_index, rowid, text, owners)
    VALUES ('delete', old.id, old.text, (SELECT owners FROM audience WHERE id = old.audience));
    INSERT INTO message_index(rowid, text, owners)
    VALUES (new.id, new.text, (SELECT owners FROM audience WHERE id = new.audience)); END""",
)

# English stems without stop words, so that a phrase may hold them and nothing that was said is left out.
_POSTGRES = (
    "CREATE TEXT SEARCH DICTIONARY social_stem (TEMPLATE = snowball, LANGUAGE = english)",
    "CREATE TEXT SEARCH CONFIGURATION social (COPY = simple)",
    "ALTER TEXT SEARCH CONFIGURATION social ALTER MAPPING FOR asciiword, word WITH social_stem",
    "ALTER TABLE message ADD COLUMN search tsvector NOT NULL",
    "CREATE INDEX message_search ON message USING gin (search) WITH (gin_pending_list_limit = 256)",
)


def upgrade() -> None:
    """Make the tables."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "person",
        sa.Column("id", whole, primary_key=True),
        sa.Column("handle", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
    )
    op.create_table(
        "contact",
        sa.Column("asker", whole, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("asked", whole, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("accepted", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("asker", "asked"),
    )
    op.create_index("contact_asked", "contact", ["asked"])
    op.create_table(
        "conversation",
        sa.Column("id", whole, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
    )
    op.create_table(
        "membership",
        sa.Column("conversation", whole, sa.ForeignKey("conversation.id"), nullable=False),
        sa.Column("person", whole, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.PrimaryKeyConstraint("conversation", "person", "since"),
    )
    op.create_index("membership_person", "membership", ["person"])
    op.create_table(
        "audience",
        sa.Column("id", whole, primary_key=True),
        sa.Column("owners", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "audience_member",
        sa.Column("owner", whole, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("audience", whole, sa.ForeignKey("audience.id"), nullable=False),
        sa.PrimaryKeyConstraint("owner", "audience"),
    )
    op.create_index("audience_member_audience", "audience_member", ["audience"])
    _make_messages(whole)
    for step in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRES:
        op.execute(step)


def _make_messages(whole: sa.types.TypeEngine[int]) -> None:
    op.create_table(
        "message",
        sa.Column("id", whole, primary_key=True),
        sa.Column("conversation", whole, sa.ForeignKey("conversation.id"), nullable=False),
        sa.Column("sender", whole, sa.ForeignKey("person.id"), nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("source_id", sa.Text, nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.Column("audience", whole, sa.ForeignKey("audience.id"), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("message_conversation", "message", ["conversation"])
    named = sa.text("source_id <> ''")
    op.create_index(
        "message_source",
        "message",
        ["conversation", "source", "source_id"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )
    op.create_table(
        "visibility",
        sa.Column("owner", whole, nullable=False),
        sa.Column("message", whole, nullable=False),
        sa.Column("conversation", whole, nullable=False),
        sa.Column("sender", whole, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("owner", "message"),
        sqlite_with_rowid=False,
    )
    op.create_index("visibility_thread", "visibility", ["owner", "conversation", "sent_at", "message"])
    op.create_index("visibility_time", "visibility", ["owner", "sent_at", "message"])
    op.create_index("visibility_message", "visibility", ["message"])
    op.create_table(
        "holding",
        sa.Column("owner", whole, sa.ForeignKey("person.id"), primary_key=True),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("words", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refuse: there is nothing before the first form."""
    raise NotImplementedError("the first form of the database has none before it")
