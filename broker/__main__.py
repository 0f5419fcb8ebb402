"""`python -m broker`, the same as the console script `tonnage`."""

from broker.cli import main

main()
