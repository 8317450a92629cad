"""Render chat templates in a process of its own: they are programs, and may not end.

Run as a script, with a JSON object on standard input: `template`, `variables`, `conversations`,
`seconds`, `bytes`. Prints a JSON object: `texts`, or `error`. The rendering is that of
`transformers`, sandbox and all; nothing of this package is imported, so that the memory which the
process may take is the template's own.
"""

import json
import sys
from typing import Any


def render(task: dict[str, Any]) -> list[str]:
    """Return the text of every conversation, each within its share of the memory."""
    from transformers.utils.chat_template_utils import render_jinja_template

    limit(task["seconds"], task["bytes"])
    most, texts = task["bytes"] // 64, []
    for messages in task["conversations"]:
        (text,), _ = render_jinja_template(
            conversations=[messages],
            chat_template=task["template"],
            add_generation_prompt=True,
            **task["variables"],
        )
        if len(text) > most:
            raise ValueError(f"it writes {len(text):,} characters")
        texts.append(text)
    return texts


def limit(seconds: int, size: int) -> None:
    """Bound this process in time and memory, where the system can."""
    try:
        import resource
    except ImportError:  # Windows; the one who waits has a clock of its own
        return
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, size)):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    try:
        answer: dict[str, Any] = {"texts": render(json.load(sys.stdin))}
    except MemoryError:
        answer = {"error": "it takes too much memory"}
    except Exception as error:
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))
