"""`python -m app` is `skyledger`."""

from app.cli import main

main()
