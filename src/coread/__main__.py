"""``python -m coread``."""

from coread.cli import main

main()
