"""``python -m consilience``: the command line without its script on the path."""

import sys

from consilience.cli import main

if __name__ == "__main__":
    sys.exit(main())
