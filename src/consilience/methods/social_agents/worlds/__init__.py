"""Worlds in which nobody knows enough alone: people, who knows whom, who sees which messages, and tasks."""
