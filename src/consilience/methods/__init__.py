"""The rooms: one method each."""
