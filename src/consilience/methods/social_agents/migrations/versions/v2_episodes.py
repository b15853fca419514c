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
    """Make the tables, and leave every message without an episode: those are made when they are asked for."""
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
    op.add_column("message", sa.Column("episode", whole))
    loose = sa.text("episode IS NULL")
    op.create_index(
        "message_loose",
        "message",
        ["audience", "conversation", "sent_at"],
        sqlite_where=loose,
        postgresql_where=loose,
    )
    op.create_index("message_episode", "message", ["episode"])
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
    for table in ("receipt", "version"):
        op.drop_table(table)
    op.drop_index("message_episode", "message")
    op.drop_index("message_loose", "message")
    op.drop_column("message", "episode")
    op.drop_table("episode")
