"""What an artifact that a regime leads to depends on: the keys that its algorithm reads."""

from __future__ import annotations

from typing import Any

from behaviordist.regimes.declaration import Distill, Rater, Regime, RewardModel, Rlhf, Verifier

UNREAD_IN_0_1: dict[str, Any] = {
    "task": None,
    "functions": [],
    "hidden_share": 0.5,
    "group_size": 8,
    "mixture": {"plain": 1.0},
    "prompts": "plain",
    "claims_right": 0.5,
    "beta": 0.1,
    "chosen_weight": 0.0,
    "rater": Rater().model_dump(mode="json"),
    "reward_model": RewardModel().model_dump(mode="json"),
    "teacher": None,
    "bits": None,
    "growth": None,
    "verifier": Verifier().model_dump(mode="json"),
}
"""Release 0.1.0 had one list of keys for all algorithms; these were its defaults."""


def regime_inputs(regime: Regime) -> dict[str, Any]:
    """Return a regime as it is digested: nothing in it that does not count."""
    return regime.model_dump(mode="json")


def inputs_in_0_1(regime: Regime) -> dict[str, Any]:
    """Return a regime as release 0.1.0 digested it, what it does not read at the defaults.

    An artifact of that description is the same artifact: it is kept, not trained again. One in
    which a key was set that its algorithm does not read matches neither and is made again.
    """
    return {**UNREAD_IN_0_1, **regime_inputs(regime)}


def frozen_checkpoints(regime: Regime) -> dict[str, str]:
    """Return the checkpoints that a regime names: role -> folder of a teacher or reward model."""
    named: dict[str, str | None] = {}
    if isinstance(regime, Distill):
        named["teacher"] = regime.teacher
    if isinstance(regime, Rlhf):
        named["reward_model"] = regime.reward_model.checkpoint
    return {role: folder for role, folder in named.items() if folder is not None}
