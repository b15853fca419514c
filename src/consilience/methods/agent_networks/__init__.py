"""Agent networks: actors and critics on a directed acyclic graph, each edge refining what the last one left."""
