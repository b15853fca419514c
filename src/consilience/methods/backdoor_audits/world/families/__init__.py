"""The three families of tasks: a system of files, a web page, a shop."""
