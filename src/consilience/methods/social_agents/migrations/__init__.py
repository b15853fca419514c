"""Steps by which a database of an older form becomes one of the newest; a store takes them when it is opened."""
