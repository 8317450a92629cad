"""Behaviors behind an OpenAI-compatible server: vLLM, llama.cpp, `transformers serve`, hosted.

A server gives no whole next-token distribution. It gives log-probabilities of texts, where it
offers `echo` with `logprobs`, and sampled answers; the geometries `loglik` and `samples` need no
more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.behavior import LogProbBlock, ShownBehavior
from behaviordist.behaviors.sampling import seed_of
from behaviordist.behaviors.servers.asking import Asked, first_choice
from behaviordist.behaviors.servers.client import Client, require_openai
from behaviordist.behaviors.servers.echo import Echo, nats, read_echo
from behaviordist.behaviors.servers.first_token import first_tokens
from behaviordist.behaviors.servers.flight import each, one
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.behaviors.text.token_names import HALF
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

if TYPE_CHECKING:
    from behaviordist.behaviors.servers.session import Session

# Servers compute in 16 bits, and in other batches: one token's log-probability moves by hundredths.
ALIGNED_NATS = 0.25
# How many texts are tried until one tells whether log-probabilities belong to their tokens.
TRIED = 16
UNSEEN = "behind a server: its weights and how it samples cannot be checked, and may change"
# What a request can ask for; anything else was decided when the server was started.
ASKED = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "system", "chat")


@dataclass(frozen=True, repr=False)
class HttpBehavior(ShownBehavior):
    """A model behind a server, with settings. `load("http://HOST/v1#MODEL")` makes it."""

    client: Client
    model: str
    label: str
    settings: InferenceSettings = InferenceSettings()
    vocabulary: str = "text"
    vocabulary_size: int = 0
    notes: tuple[str, ...] = (UNSEEN,)
    forward_key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "forward_key", self.identity)
        unknown = replace(self.settings, **{n: getattr(InferenceSettings(), n) for n in ASKED})
        if unknown != InferenceSettings():
            raise InputError(
                f"'{self.label}': a request cannot ask for {unknown.canonical}; start the server so"
            )

    @property
    def identity(self) -> str:
        """Digest of address, model's name and settings: the weights are out of sight."""
        return digest_of([self.client.url, self.model, self.settings.canonical])

    def check(self, probes: ProbeSet) -> None:
        """Nothing can be known before the server is asked."""

    def token_text(self, token: int) -> str:
        """Return the token's number."""
        return f"#{token}"

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:  # noqa: ARG002
        """Refuse: no server gives whole distributions."""
        self._no_distributions()

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:  # noqa: ARG002
        """Refuse: no server gives whole distributions."""
        self._no_distributions()

    def text_log_probs(self, probes: ProbeSet) -> NDArray[np.float64]:
        """Return log p(continuation | prompt) of every probe, (n_probes,), in nats.

        Raises
        ------
        InputError
            If the server gives no log-probabilities of prompts, or settings other than the model's
            own are asked for (servers echo them unchanged by temperature).
        """
        scores = dict(self.text_log_probs_rest(probes))
        return np.array([scores[index] for index in range(len(probes))])

    def text_log_probs_rest(
        self, probes: ProbeSet, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, float]]:
        """Yield (index of a probe, log p of its text) as they come, but for those in `done`."""
        if self.settings != InferenceSettings():
            raise InputError(
                f"'{self.label}': servers give log-probabilities of the model as it is; drop"
                f" {self.settings.canonical}"
            )
        probes.require_text(self.label)
        probes.require_continuations()
        if len(done) < len(probes):
            one(self.client, self._check_alignment, probes)

        async def score(session: Session, index: int) -> float:
            probe = probes.probes[index]
            where = f"probe '{probe.id}'"
            echo = await self._echo(session, probe.prompt + probe.continuation, where)
            with self._about(where):
                return echo.sum_from(len(probe.prompt))

        yield from each(self.client, score, [k for k in range(len(probes)) if k not in done])

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` sampled answers to every probe's prompt.

        Each answer is a request of its own with its own seed: not every server knows `n`.
        """
        answers = dict(self.samples_rest(probes, count, max_tokens, seed))
        return [answers[index] for index in range(len(probes))]

    def samples_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (index of a probe, its answers) when it has all, but for those in `done`."""

        async def answer(session: Session, place: tuple[int, int]) -> str:
            probe = probes.probes[place[0]]
            return await asked.answer(session, probe, max_tokens, seed_of(seed, probe, place[1]))

        asked = Asked(self.model, self.label, self.settings)
        places = [(i, k) for i in range(len(probes)) if i not in done for k in range(count)]
        begun: dict[int, dict[int, str]] = {}
        for (index, k), text in each(self.client, answer, places):
            answers = begun.setdefault(index, {})
            answers[k] = text
            if len(answers) == count:
                del begun[index]
                yield index, tuple(answers[k] for k in range(count))

    def first_tokens_rest(
        self, probes: ProbeSet, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield (index of a probe, its likeliest first tokens) as they come, but for `done`.

        Raises
        ------
        InputError
            If the server says none, or other settings than the model's own are asked for.
        """
        own = replace(self.settings, system=None, chat=InferenceSettings().chat)
        if own != InferenceSettings():
            raise InputError(f"'{self.label}': servers say first tokens of the model as it is")
        asked = Asked(self.model, self.label, self.settings)

        async def first(session: Session, index: int) -> dict[str, float]:
            return await first_tokens(session, asked, probes.probes[index])

        yield from each(self.client, first, [k for k in range(len(probes)) if k not in done])

    async def _check_alignment(self, session: Session, probes: ProbeSet) -> None:
        """Refuse a server that pairs log-probabilities with the wrong tokens.

        The greedy token after a text has one log-probability, whether it is generated, or is the
        end of a text that is echoed. llama-cpp-python (0.3.36, `Llama._create_completion`) gives
        an echoed token the row after the one that foretells it where the model has no start token.

        Raises
        ------
        InputError
            If the two differ, or no text tells: what cannot be checked is not believed.
        """
        texts = [t for p in probes for t in (p.prompt + p.continuation, p.prompt) if t]
        for text in texts[:TRIED]:
            told = await self._twice(session, text)
            if told is None:
                continue
            plain, echoed = told
            if abs(echoed - plain) <= ALIGNED_NATS:
                return
            raise InputError(
                f"'{self.label}': the server pairs log-probabilities with the wrong tokens (one"
                f" token has {echoed:.2f} nats when its text is echoed and {plain:.2f} when not;"
                " llama-cpp-python does so for models without a start token); use --geometry"
                " samples"
            )
        raise InputError(
            f"'{self.label}': its log-probabilities cannot be checked (no token that it generates"
            " is one token where its text is echoed); use --geometry samples"
        )

    async def _twice(self, session: Session, text: str) -> tuple[float, float] | None:
        """Return the log-probability of the token after a text, generated and echoed.

        None where it has no letters, or is read differently in its place.
        """
        choice, scored = await self._log_probs(session, text, echo=False)
        written, values = choice.get("text"), scored["token_logprobs"]
        if not isinstance(written, str) or not written or HALF in written or len(values) != 1:
            return None
        where = "a check of its log-probabilities"
        echo = await self._echo(session, text + written, where)
        echoed = echo.only_token(len(text), len(text + written))
        with self._about(where):
            return None if echoed is None else (nats(values[0]), echoed)

    async def _echo(self, session: Session, text: str, where: str) -> Echo:
        logprobs = (await self._log_probs(session, text, echo=True))[1]
        with self._about(where):
            return read_echo(logprobs, text)

    async def _log_probs(
        self, session: Session, text: str, echo: bool
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return an answer of one token, and the log-probabilities in it."""
        body = {
            "model": self.model,
            "prompt": text,
            "max_tokens": 1,
            "echo": echo,
            "logprobs": 1,
            "temperature": 0,
        }
        choice = first_choice(await session.post("completions", body), self.label)
        logprobs = choice.get("logprobs")
        if not isinstance(logprobs, dict) or not isinstance(logprobs.get("token_logprobs"), list):
            raise InputError(
                f"'{self.label}' gives no log-probabilities of prompts (echo with logprobs); use"
                " sampled answers: --geometry samples"
            )
        return choice, logprobs

    @contextmanager
    def _about(self, what: str) -> Iterator[None]:
        """Say in an error which server and which probe it is about, and what works instead."""
        try:
            yield
        except InputError as error:
            raise InputError(
                f"'{self.label}', {what}: {error}; or use --geometry samples"
            ) from None

    def _no_distributions(self) -> NoReturn:
        raise InputError(
            f"'{self.label}' is behind a server, which gives no whole next-token distribution; use"
            " `distance` with --geometry loglik or --geometry samples, or `compare`"
        )


def load_http(url: str, label: str | None, settings: InferenceSettings) -> HttpBehavior:
    """Describe a model behind a server: `http://HOST:PORT/v1#MODEL`.

    Raises
    ------
    InputError
        If the address names no model, holds a password, or a setting cannot be asked for.
    """
    base, _, model = url.partition("#")
    try:
        parts = urlsplit(base)
        sound = parts.port != 0 and base.isascii() and all(letter > " " for letter in base)
    except ValueError:  # its message may hold a part of a password
        sound = False
    if not sound:
        raise InputError(
            f"the address of '{model}' is none (brackets, port or a letter that no address has);"
            " write http://HOST:PORT/v1#MODEL"
        )
    if parts.username or parts.password or parts.query:
        raise InputError("keys belong into the environment (OPENAI_API_KEY), not into the address")
    if not parts.hostname or not model:
        raise InputError(f"'{url}' names no model; write http://HOST:PORT/v1#MODEL")
    require_openai()
    name = label or model.rstrip("/").rpartition("/")[2]
    return HttpBehavior(Client(base.rstrip("/")), model, name, settings)
