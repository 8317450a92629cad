"""Behaviors watched from inside other tools: a callback of trainers.

Importing this loads `transformers`; `import behaviordist` alone does not.
"""

from __future__ import annotations

from behaviordist.integrations.callback import BehaviorDistanceCallback

__all__ = ["BehaviorDistanceCallback"]
