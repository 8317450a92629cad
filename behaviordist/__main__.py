"""`python -m behaviordist` is the command `behaviordist`."""

from behaviordist.cli.app import main

main()
