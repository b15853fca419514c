"""Backdoors in agents: planted in the laboratory, measured, found and guarded against."""
