"""Agents for people who each know only a part: each reads its own person's messages and nobody else's."""
