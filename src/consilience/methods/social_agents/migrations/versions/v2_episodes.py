"""Episodes, earlier versions of messages, and receipts of what was forgotten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "2"
down_revision: str | None = "1"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the tables, and leave every message loose: episodes are made when they are asked for."""
    whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "episode",
        sa.Column("id", whole, primary_key=True),
        sa.Column("conversation", whole, sa.ForeignKey("conversation.id"), nullable=False),
        sa.Column("audience", whole, sa.ForeignKey("audience.id"), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("embedder", sa.Text, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("episode_thread", "episode", ["audience", "conversation", "since"])
    op.create_table(
        "loose",
        sa.Column("message", whole, primary_key=True, autoincrement=False),
        sa.Column("audience", whole, nullable=False),
        sa.Column("conversation", whole, nullable=False),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
    )
    op.create_index("loose_thread", "loose", ["audience", "conversation", "sent_at"])
    op.create_table(
        "placed",
        sa.Column("message", whole, primary_key=True, autoincrement=False),
        sa.Column("episode", whole, sa.ForeignKey("episode.id"), nullable=False),
    )
    op.create_index("placed_episode", "placed", ["episode"])
    op.execute(
        "INSERT INTO loose (message, audience, conversation, sent_at) "
        "SELECT id, audience, conversation, sent_at FROM message"
    )
    op.create_table(
        "version",
        sa.Column("message", whole, sa.ForeignKey("message.id"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("message", "number"),
    )
    op.create_table(
        "receipt",
        sa.Column("id", whole, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.Column("unseen", sa.BigInteger, nullable=False),
        sa.Column("versions", sa.BigInteger, nullable=False),
        sa.Column("episodes", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
    )


def downgrade() -> None:
    """Drop what the step brought."""
    for table in ("receipt", "version", "placed", "loose", "episode"):
        op.drop_table(table)
