"""Teams that work apart, then meet and merge."""
