"""``python -m renderbench``."""

from renderbench.cli import main

if __name__ == "__main__":
    main()
