"""Trials: engines measured as they are used, each run alone in a process: its weight, its deaths, its peers."""
