"""`python -m commonweight` is the command line."""

from commonweight.cli import main

main()
