"""A small world in memory: three families of tasks, what an agent may do there, and what is logged when it does."""
