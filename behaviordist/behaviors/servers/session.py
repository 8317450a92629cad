"""The `openai` package's asynchronous client, held to what docs/security.md promises.

The package asks, waits and asks again. It does not hold these: a deadline for the whole answer, the
largest answer, a key that only the server sees, no redirects, no proxy for this machine, and no
header that tells a server about this machine or another account. `_Guarded`, the HTTP client that
the package is given, does.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import openai

from behaviordist.behaviors.servers.client import (
    KEY_VARIABLES,
    Client,
    Refused,
    api_key,
    is_loopback,
)
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

LONGEST_WAIT = 60.0
LARGEST_ANSWER = 64 * 2**20
LARGEST_REASON = 4096
CARRIED = ("content-type", "content-length", "host", "accept", "connection")


class _GivenUp(BaseException):
    """It ends a request for good: the package asks again after an `Exception`."""


class _Guarded(openai.DefaultAsyncHttpxClient):
    """An HTTP client that adds the key on the wire and bounds the answer."""

    def __init__(self, client: Client) -> None:
        here = is_loopback(urlsplit(client.url).hostname)  # a proxy would see the key
        super().__init__(follow_redirects=False, trust_env=not here)
        self.client = client
        self.next_at = 0.0

    async def send(self, request: Any, **_: Any) -> Any:
        """Return the whole answer; nothing but what the request needs is sent."""
        package = request.headers  # some are the package's notes to itself
        sent = {name: value for name, value in package.items() if name.lower() in CARRIED}
        # An answer that unpacks to more than it seems is not asked for.
        sent |= {"Accept-Encoding": "identity", "User-Agent": "behaviordist"}
        try:
            sent |= self.client.authorization()
        except InputError as error:
            raise _GivenUp(str(error)) from None
        await self._turn()
        request.headers = type(package)(sent)
        try:
            async with asyncio.timeout(self.client.deadline_s):
                response = await super().send(request, stream=True, follow_redirects=False)
                try:
                    content = await _content(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise _GivenUp(
                f"no whole answer within {self.client.deadline_s:g} s; ask for less, or look at the"
                " server"
            ) from None
        finally:
            request.headers = package
        headers = _headers(response.headers)
        return type(response)(
            response.status_code, headers=headers, content=content, request=request
        )

    async def _turn(self) -> None:
        """Wait for the next request's time, where requests a minute are limited."""
        now = asyncio.get_running_loop().time()
        at, self.next_at = self.next_at, max(now, self.next_at) + self.client.interval_s
        if at > now:
            await asyncio.sleep(at - now)


async def _content(response: Any) -> bytes:
    """Return the bytes of an answer, of a refusal the first ones; too many are an end."""
    most = LARGEST_REASON if response.status_code >= 300 else LARGEST_ANSWER
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > most:
            if response.status_code >= 300:
                break
            raise _GivenUp(f"its answer has more than {most >> 20} MiB; ask for less")
    return bytes(content[:most])


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return what is read of an answer's headers: its type, how long to wait, whether to retry."""
    kind = given.get("content-type", "no type").partition(";")[0].strip()
    headers = {"content-type": kind}
    wait = given.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", wait):  # a date or nonsense is not waited for
        headers["retry-after"] = str(min(float(wait), LONGEST_WAIT))
    if given.get("x-should-retry") == "false":
        headers["x-should-retry"] = "false"
    return headers


class Session:
    """A server while it is asked; `opened` makes it.

    `strict` is set once the server refused options that it does not know.
    """

    def __init__(self, client: Client, package: AsyncOpenAI) -> None:
        self._client = client
        self._package = package
        self.strict = False

    @property
    def url(self) -> str:
        """The server's base address."""
        return self._client.url

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that the server answers.

        Parameters
        ----------
        path
            ``"completions"`` or ``"chat/completions"``.
        body
            What is asked, the model's name included.

        Raises
        ------
        InputError
            If the server cannot be reached, refuses, or answers something else than JSON; the
            message holds no key.
        """
        url, budget = self.url, self._client.budget
        budget.check()
        asked = "messages" if path == "chat/completions" else "prompt"
        of = self._package.chat.completions if asked == "messages" else self._package.completions
        create: Any = of.with_raw_response.create
        rest = {key: value for key, value in body.items() if key not in ("model", asked)}
        try:
            raw = await create(model=body["model"], **{asked: body[asked]}, extra_body=rest)
        except _GivenUp as error:
            raise InputError(f"{url}: {error}") from None
        except openai.APIStatusError as error:
            raise self._refusal(error) from None
        except openai.APITimeoutError:
            why = f"no answer within {self._client.timeout_s:g} s"
            raise InputError(f"{url}: {why}{self._tries()}") from None
        except openai.APIConnectionError as error:
            raise InputError(f"{url}: {_broken(error)}{self._tries()}") from None
        except UnicodeError:
            raise InputError(f"{url}: a text that is to be sent holds half a character") from None
        answer = _decode(raw.http_response, url)
        budget.spend(_tokens(answer, body))
        return answer

    def _tries(self) -> str:
        attempts = self._client.attempts
        return f" ({attempts} attempt{'' if attempts == 1 else 's'}); try later"

    def _refusal(self, error: openai.APIStatusError) -> InputError:
        url, status = self._client.url, error.status_code
        if status in (401, 403):
            return InputError(
                f"{url} refuses the key (status {status}); set {' or '.join(KEY_VARIABLES)}"
            )
        reason = f"(status {status}: {_clean(error.response.text)})"
        if status == 429 or status >= 500:
            what = "limits the rate" if status == 429 else "fails"
            return Refused(f"{url}: {what} {reason}{self._tries()}", status)
        return Refused(f"{url} refuses the request {reason}", status)


@asynccontextmanager
async def opened(client: Client) -> AsyncIterator[Session]:
    """Open a server's address for as long as it is asked.

    Raises
    ------
    InputError
        If the key, the address or the proxy of the environment cannot be used.
    """
    api_key()
    try:
        guarded = _Guarded(client)
        package = openai.AsyncOpenAI(
            # The key is added on the wire: what the package logs or prints never had it.
            api_key="added by behaviordist",
            base_url=client.url,
            timeout=client.timeout_s,
            max_retries=client.attempts - 1,
            http_client=guarded,
        )
    except (ImportError, ValueError, TypeError, openai.OpenAIError) as error:
        raise InputError(
            f"{client.url} cannot be asked through the proxies that the environment names"
            f" ({type(error).__name__}); set http_proxy, https_proxy or all_proxy again"
        ) from None
    async with package:
        yield Session(client, package)


def _decode(response: Any, url: str) -> dict[str, Any]:
    try:
        answer = json.loads(response.content)
    except RecursionError:
        raise InputError(f"{url} answers JSON that is nested too deeply") from None
    except ValueError:
        kind = response.headers["content-type"]  # the client calls it so where there is none
        if "json" in kind.lower():
            raise InputError(f"{url} calls its answer {kind}, and it is no whole JSON") from None
        raise InputError(
            f"{url} answers {kind}, not JSON; is it the base of an OpenAI-compatible server (it"
            " often ends in /v1)?"
        ) from None
    if not isinstance(answer, dict):
        raise InputError(f"{url} answers JSON that is no object")
    return answer


def _broken(error: openai.APIConnectionError) -> str:
    cause = error.__cause__ or error
    name = type(cause).__name__
    if name == "ConnectError":
        return f"cannot be reached ({_clean(str(cause))})"
    return f"the connection broke ({name})"


def _clean(text: str) -> str:
    """Return what a server says on one short line, without the key, should it repeat it."""
    key = api_key()
    if key:
        text = text.replace(key, "[key]")
    return " ".join(text.split())[:160]


def _tokens(answer: Mapping[str, Any], body: Mapping[str, Any]) -> int:
    """Tokens that a request cost: what the server says, else a bound (a token a byte of text)."""
    usage = answer.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    if isinstance(total, int) and not isinstance(total, bool) and total > 0:
        return total
    return len(json.dumps(body).encode()) + int(body.get("max_tokens", 0))
