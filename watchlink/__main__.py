"""`python -m watchlink`."""

from watchlink.commands import main

if __name__ == "__main__":
    main()
