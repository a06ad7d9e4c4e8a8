"""`python -m managed_files`."""

from managed_files.cli import main

main()
