"""The engine's packages: there, or one line that says how to install them."""

from __future__ import annotations

import importlib.util
import os

from behaviordist.errors import InputError

PACKAGES = ("trl", "peft", "accelerate", "datasets")


def require_trl() -> None:
    """Refuse in one line if a package of the extra is missing; nothing is imported.

    Also keeps what follows quiet and at home: TRL reports its use to a server unless told not to.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"engine trl needs {', '.join(missing)}, which is not installed:"
            " pip install 'behaviordist[trl]'"
        )
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
