"""`python -m generator` is the `fastgen` command."""

from generator.cli import main

if __name__ == "__main__":
    main()
