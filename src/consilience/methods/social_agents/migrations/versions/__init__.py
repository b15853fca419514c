"""One step a file, each named after what it brings."""
