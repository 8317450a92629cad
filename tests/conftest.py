"""Settings that must stand before any library is loaded."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of the suite's time is XLA compiling programs that run for milliseconds.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

from behaviordist.engines.compilation import keep_compiled  # noqa: E402
from behaviordist.engines.threads import one_thread_per_process  # noqa: E402

one_thread_per_process()
keep_compiled()

from hypothesis import settings  # noqa: E402

# Other work on the machine makes an example slow, not wrong.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
