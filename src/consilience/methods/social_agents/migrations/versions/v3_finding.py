"""Indexes for those who leave, and trigrams of names on a server that has them.

Trigrams (``pg_trgm``) are an extension, which a server may have or not, and may let one make or not. Without it the
memory finds what it found before; words that are spelled alike are not looked for.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

__all__ = ["downgrade", "upgrade"]

revision = "3"
down_revision: str | None = "2"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    """Make the indexes, and the extension where it is to be had."""
    op.create_index("message_audience", "message", ["audience"])
    op.create_index("episode_conversation", "episode", ["conversation"])
    if op.get_bind().dialect.name != "sqlite" and _has("pg_trgm"):
        op.execute("CREATE INDEX person_trigrams ON person USING gin (name gin_trgm_ops)")


def downgrade() -> None:
    """Drop what the step brought; the extension may be others' by now, and stays."""
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP INDEX IF EXISTS person_trigrams")
    op.drop_index("episode_conversation", "episode")
    op.drop_index("message_audience", "message")


def _has(extension: str) -> bool:
    """Return whether the server has an extension in this database, made now if it lets us."""
    bind = op.get_bind()
    there = sa.text("SELECT 1 FROM pg_available_extensions WHERE name = :name")
    if bind.execute(there, {"name": extension}).first() is None:
        return False
    try:
        with bind.begin_nested():
            op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    except DBAPIError:  # no right to make it, or no schema to make it in
        return False
    return True
