"""A door to `watchlink` for a checkout: `python cli.py demo`. Not part of the wheel."""

from watchlink.commands import main

if __name__ == "__main__":
    main()
