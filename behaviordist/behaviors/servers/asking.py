"""What is asked of a server for one answer, and what is read of what comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from behaviordist.behaviors.servers.client import Refused
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import Probe

if TYPE_CHECKING:
    from behaviordist.behaviors.servers.session import Session

# With these a server says that it has no such address, or no such model there.
NOT_THERE = (404, 405, 410, 501)
# With these a host refuses an option that it does not know.
UNKNOWN = (400, 422)
# What a server does of itself where a request says nothing (llama.cpp: 40 tokens, none below 5 % of
# the likeliest; vLLM: what the model's generation_config.json says) is said away: name -> the
# value that does nothing. llama.cpp calls the penalty otherwise than the others.
NOTHING = {
    "top_k": -1,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "repeat_penalty": 1.0,
}
EVERYWHERE, LLAMA_CPP = "top_p", "repeat_penalty"


@dataclass(frozen=True)
class Asked:
    """Which model is asked, what messages call it, and the settings it is asked with."""

    model: str
    label: str
    settings: InferenceSettings

    async def answer(self, session: Session, probe: Probe, max_tokens: int, seed: int) -> str:
        """Return one sampled answer to a probe's prompt."""
        body = {"model": self.model, "max_tokens": max_tokens, "seed": seed, **self.sampling}
        choice = first_choice(await self._sampled(session, body, probe), self.label)
        message = choice.get("message")
        text = message.get("content") if isinstance(message, dict) else choice.get("text")
        if not isinstance(text, str):
            raise InputError(f"'{self.label}': the server's answer to '{probe.id}' has no text")
        # Half a surrogate pair is no text, and no file takes it: U+FFFD, as other servers write.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    @property
    def sampling(self) -> dict[str, float]:
        """What a request says of sampling: the settings, and that nothing else is wanted."""
        own = self.settings
        said = {n: getattr(own, n) for n in ("top_k", "top_p", "min_p") if getattr(own, n)}
        if own.repetition_penalty != 1:
            said |= dict.fromkeys(("repetition_penalty", "repeat_penalty"), own.repetition_penalty)
        return {"temperature": own.temperature, **NOTHING, **said}

    async def _sampled(
        self, session: Session, body: dict[str, Any], probe: Probe
    ) -> dict[str, Any]:
        """Return an answer; a host that refuses options that do nothing is not told them again."""
        plain = {
            name: value
            for name, value in body.items()
            if name == EVERYWHERE or (value != NOTHING.get(name) and name != LLAMA_CPP)
        }
        if session.strict:
            return await self.post(session, plain, probe)
        try:
            return await self.post(session, body, probe)
        except Refused as error:
            if error.status not in UNKNOWN:
                raise
        answer = await self.post(session, plain, probe)
        session.strict = True
        return answer

    def chats(self, probe: Probe) -> bool:
        """Whether a probe is asked as a chat."""
        return bool(self.settings.chat or probe.messages)

    async def post(self, session: Session, body: dict[str, Any], probe: Probe) -> dict[str, Any]:
        """Return what the server says to a probe, asked as a text or as a chat."""
        system = self.settings.system
        if self.chats(probe):
            turns = [{"role": "system", "content": system}] if system else []
            messages = [*turns, *probe.turns]
            return await session.post("chat/completions", {**body, "messages": messages})
        prompt = f"{system}\n\n{probe.prompt}" if system else probe.prompt
        try:
            return await session.post("completions", {**body, "prompt": prompt})
        except Refused as error:
            raise await self._unless_it_chats(session, error) from None

    async def _unless_it_chats(self, session: Session, refused: Refused) -> InputError:
        """Return why completions were refused: that the server only chats, where it does."""
        if refused.status not in NOT_THERE:
            return refused
        hello = [{"role": "user", "content": "Hello"}]
        body = {"model": self.model, "max_tokens": 1, "messages": hello}
        try:
            first_choice(await session.post("chat/completions", body), self.label)
        except InputError:
            return refused
        return InputError(
            f"'{self.label}' answers chats, not texts to continue (status {refused.status}); write"
            f" {session.url}#{self.model}@chat=true"
        )


def first_choice(answer: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Return the first of an answer's choices.

    Raises
    ------
    InputError
        If there is none.
    """
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise InputError(f"'{label}': the server's answer has no choices")
    return choices[0]
