"""`python -m rankbench` is the `rankbench` command."""

from rankbench.cli.app import main

main()
