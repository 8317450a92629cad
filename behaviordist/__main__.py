"""The command `behaviordist` and ``python -m behaviordist``: Ctrl-C is quiet from the start."""

from __future__ import annotations

import os
import signal
import sys

from behaviordist.errors import INTERRUPTED


def main() -> None:
    """Run the command line."""
    try:
        from behaviordist.cli.app import main as run

        try:
            run()
        finally:  # all is done and said: Ctrl-C while the interpreter shuts down only ends it
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:  # while the command line itself was being loaded
        sys.stderr.write("interrupted\n")
        sys.stderr.flush()
        os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
