"""Your own preferences and texts: reading them, training on them, and measuring what became of features."""
