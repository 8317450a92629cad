"""What workers do in tests of `spread`; they import it by name."""

import os
import signal
import time

from behaviordist.errors import InputError


def write(path, text):
    path.write_text(text)


def square(number):
    return number * number


def threads(_):
    return os.environ.get("OMP_NUM_THREADS"), os.getpid(), os.getppid()


def refuse(_):
    raise InputError("row 3: no good")


def die_once(task):
    """The first to come here is killed while the others have work."""
    number, marker = task
    time.sleep(0.05)
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        os.kill(os.getpid(), signal.SIGKILL)
    except FileExistsError:
        pass
    return number * number


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)
