"""A policy's file: metrics, on everything or on a tag, each with the margin it must hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field

from behaviordist.distance.black_box.comparison import check_answer_margin
from behaviordist.distance.gate import check_gate
from behaviordist.errors import InputError
from behaviordist.evals.gate import check_question
from behaviordist.store import write_text
from behaviordist.store.declared import Declared, held, read_yaml


class Check(Declared):
    """One metric that must be shown to be within its margin.

    Attributes
    ----------
    metric
        Of next tokens "distance", "kl", "agreement", "bits" (as for `gate`); "answers", the
        distance of sampled answers; "evals", scores on the items of an evaluation.
    margin
        Largest difference that does not matter.
    bound
        Of "kl" and "bits".
    test
        Of "evals": as for `gate_evals`; None: non-inferiority.
    tag
        Only probes with this tag, only items with it or of the task of this name; None: all.
    calibrated
        How the margin came about, where `calibrate` set it.
    """

    metric: Literal["distance", "kl", "agreement", "bits", "answers", "evals"]
    margin: float
    bound: float | None = None
    test: Literal["non-inferiority", "equivalence", "disagreement"] | None = None
    tag: str | None = None
    calibrated: str | None = None

    @property
    def name(self) -> str:
        """The metric, and the tag it is held to."""
        metric = f"evals, {self.asked}" if self.metric == "evals" else self.metric
        return metric if self.tag is None else f"{metric} on {self.tag}"

    @property
    def asked(self) -> str:
        """The test of "evals"."""
        return self.test or "non-inferiority"

    def check(self, alpha: float) -> None:
        """Refuse a check that means nothing.

        Raises
        ------
        InputError
            A margin out of range, a bound that is missing, a key of another metric.
        """
        if self.bound is not None and self.metric not in ("kl", "bits"):
            raise InputError(f"bound does nothing for {self.metric}; leave it out")
        if self.test is not None and self.metric != "evals":
            raise InputError(f"test does nothing for {self.metric}; leave it out")
        if self.metric == "evals":
            check_question(self.margin, self.asked, alpha)
        elif self.metric == "answers":
            check_answer_margin(self.margin, alpha)
        else:
            check_gate(self.margin, self.metric, alpha, bound=self.bound)


class EvalReading(Declared):
    """How logs of evaluations are read: the options of `behaviordist evals gate`."""

    metric: str | None = None
    filter: str | None = None
    tag: str | None = None
    cluster: str | None = None
    range: tuple[float, float] = (0.0, 1.0)


class Policy(Declared):
    """What a candidate must be shown to hold.

    Attributes
    ----------
    alpha
        Probability of calling any metric within that lies at its margin, at most.
    checks
        At least one, each a metric and tag of its own.
    evals
        How logs are read.
    """

    policy: Literal[1]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    evals: EvalReading = EvalReading()

    @classmethod
    def load(cls, path: Path | str) -> Policy:
        """Read a YAML file.

        Raises
        ------
        InputError
            One line: what is wrong, with its key.
        """
        policy = held(cls, read_yaml(Path(path)), str(path))
        names = [check.name for check in policy.checks]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InputError(f"{path}: '{twice[0]}' stands twice; give it one margin")
        for check in policy.checks:
            try:
                check.check(policy.alpha)
            except InputError as error:
                raise InputError(f"{path}, {check.name}: {error}") from None
        return policy

    def save(self, path: Path | str) -> None:
        """Write the YAML file; comments that it had are lost."""
        known = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        write_text(Path(path), yaml.safe_dump(known, sort_keys=False, allow_unicode=True))
