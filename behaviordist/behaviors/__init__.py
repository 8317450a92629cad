"""Behaviors: checkpoints with the settings they are run with, as functions of probes."""

from behaviordist.behaviors.arrays import ArrayBehavior
from behaviordist.behaviors.behavior import (
    Behavior,
    LogProbBlock,
    check_comparable,
    shared_log_probs,
)
from behaviordist.behaviors.common_vocabulary import check_same_tokens, over_common_tokens
from behaviordist.behaviors.lab_models.backend import speaks_lab
from behaviordist.behaviors.load import load, load_all, short_labels
from behaviordist.behaviors.settings import InferenceSettings, parse_spec

__all__ = [
    "ArrayBehavior",
    "Behavior",
    "InferenceSettings",
    "LogProbBlock",
    "check_comparable",
    "check_same_tokens",
    "load",
    "load_all",
    "over_common_tokens",
    "parse_spec",
    "shared_log_probs",
    "short_labels",
    "speaks_lab",
]
