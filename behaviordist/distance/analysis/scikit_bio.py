"""scikit-bio, imported without its side effect on the process."""

from __future__ import annotations

import importlib
from typing import Any


def scikit_bio(module: str = "skbio") -> Any:
    """Import scikit-bio or one of its modules; JAX keeps the precision it had.

    Importing scikit-bio (0.7) switches JAX to float64 for the whole process, and with it the
    random numbers and the results of everything that runs afterwards.
    """
    import jax

    config: Any = jax.config
    wide = bool(config.read("jax_enable_x64"))
    try:
        return importlib.import_module(module)
    finally:
        config.update("jax_enable_x64", wide)
