"""`python -m intern`."""

from intern.cli.main import main

if __name__ == "__main__":
    main()
