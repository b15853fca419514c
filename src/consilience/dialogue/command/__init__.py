"""Command: what the verbs of agent rooms have in common: their flags, what a run may cost, and what is said."""
