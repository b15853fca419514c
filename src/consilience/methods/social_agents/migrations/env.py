"""How alembic is run: on the connection that a store hands over, within its transaction."""

from __future__ import annotations

from alembic import context

__all__ = ["run"]


def run() -> None:
    """Take the steps that are due on the connection of the configuration."""
    context.configure(connection=context.config.attributes["connection"], transaction_per_migration=False)
    context.run_migrations()


if __name__ == "env_py":  # as alembic loads it
    run()
