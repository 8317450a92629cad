"""The command `behaviordist` and ``python -m behaviordist``: Ctrl-C is quiet from the start."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from behaviordist.errors import INTERRUPTED

# Seconds until an interrupt that was lost is sent again: the finaliser has ended by then.
AGAIN = 0.05


def unraisable(lost: Any) -> None:
    """Send Ctrl-C again where it came in the middle of an object's finaliser.

    Python can raise nothing there: it prints a traceback, and the command would go on.
    """
    if issubclass(lost.exc_type, KeyboardInterrupt):
        again = threading.Timer(AGAIN, os.kill, (os.getpid(), signal.SIGINT))
        again.daemon = True
        again.start()
    else:
        sys.__unraisablehook__(lost)


def main() -> None:
    """Run the command line."""
    sys.unraisablehook = unraisable
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
