"""The small agent: a transformer that is trained from nothing in a minute, and driven many talks at a time."""
