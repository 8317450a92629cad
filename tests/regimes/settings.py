"""One table of settings for several algorithms: each takes what it reads."""

from behaviordist.regimes.base import MODELS
from behaviordist.regimes.declaration import Regime


def regime_of(algorithm, settings, **changes):
    """Return the regime; `changes` must all be read, of `settings` those that are."""
    read = MODELS[algorithm].model_fields
    kept = {key: value for key, value in settings.items() if key in read}
    return Regime.model_validate({**kept, "algorithm": algorithm, **changes})
