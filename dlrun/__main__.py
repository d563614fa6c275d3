"""`python -m dlrun` is the same as `dlrun`."""

from dlrun.cli.app import main

main()
