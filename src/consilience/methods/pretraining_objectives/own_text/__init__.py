"""Training on whoever's own text, from the command line."""
