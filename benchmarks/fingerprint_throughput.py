"""Tokens a second: fingerprinting a model, a bare forward pass, lm-evaluation-harness.

    python benchmarks/fingerprint_throughput.py MODEL [--probes general] [--limit 60]

All three see the same texts with the same weights, loaded once, in one process. The bare pass is
`model(input_ids, attention_mask)` over the very batches that fingerprinting uses, outputs thrown
away. lm-evaluation-harness (`pip install lm-eval`; left out where it is not installed) scores the
same pairs of prompt and continuation. All are timed in turn, `--repeats` rounds; a ratio is the
median over rounds of the ratio within a round, so that a busy machine slows both sides of it.
Seconds are of the processor (this process, one thread), `--wall` takes those of the clock.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface import backend as backend
from behaviordist.behaviors.text.encoding import batches
from behaviordist.distance import fingerprint
from behaviordist.probes import ProbeSet


def preloaded(behavior, model):
    """The behavior with a model that stays in memory, so that loading is not timed."""

    class Preloaded(type(behavior)):
        @contextmanager
        def model(self):
            yield model

    fields = {name: getattr(behavior, name) for name in behavior.__dataclass_fields__}
    return Preloaded(**fields)


def bare(model, encoded, most_scored):
    with torch.inference_mode():
        for batch in batches(encoded, backend.MAX_TOKENS, most_scored):
            tokens = torch.from_numpy(batch.tokens)
            places = torch.arange(tokens.shape[1])[None, :]
            mask = (places < torch.from_numpy(batch.lengths)[:, None]).long()
            model(input_ids=tokens, attention_mask=mask, use_cache=False)


def text_scores(behavior, probes):
    total = np.zeros(len(probes))
    for block in behavior.log_probs(probes):
        rows = np.arange(len(block.probe))
        np.add.at(total, block.probe, block.log_p[rows, block.token].astype(np.float64))
    return total


def harness(model, tokenizer, probes):
    """Return a function that scores the probes with lm-eval, or None where it is not installed."""
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ImportError:
        return None
    scorer = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=16, device="cpu")
    requests = [
        Instance("loglikelihood", {}, (p.prompt, p.continuation), i) for i, p in enumerate(probes)
    ]
    return lambda: [x[0] for x in scorer.loglikelihood(requests, disable_tqdm=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--probes", default="general")
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--wall", action="store_true")
    options = parser.parse_args()
    probes = ProbeSet.load(options.probes)
    probes = probes.subset(min(options.limit, len(probes)))
    behavior = load(options.model)
    encoded = behavior.encoder()(probes)
    tokens = sum(item.length for item in encoded)
    most_scored = max(1, backend.BLOCK_BYTES // (4 * behavior.vocabulary_size))
    with behavior.model() as model:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        held = preloaded(behavior, model)
        scored = {}
        ways = {
            "bare forward pass": lambda: bare(model, encoded, most_scored),
            "log-probabilities": lambda: scored.update(ours=text_scores(held, probes)),
            "fingerprint, hellinger D = 64": lambda: fingerprint([held], probes),
            "three fingerprints, one pass": lambda: fingerprint(
                [
                    held,
                    replace_settings(held, "temperature=0.7"),
                    replace_settings(held, "top_k=50"),
                ],
                probes,
            ),
        }
        score = harness(model, behavior.source.tokens().tokenizer, probes)
        if score is not None:
            ways["lm-evaluation-harness"] = lambda: scored.update(theirs=np.array(score()))
        clock = time.perf_counter if options.wall else time.process_time
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.repeats):
            for name, way in ways.items():
                started = clock()
                way()
                seconds[name].append(clock() - started)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(probes)} probes, {tokens} tokens, {torch.get_num_threads()} threads")
    others = [name for name in ("bare forward pass", "lm-evaluation-harness") if name in seconds]
    print(f"{'':<32}{'seconds':>9}{'tokens/s':>10}" + "".join(f"{'of ' + o:>25}" for o in others))
    for name, mine in seconds.items():
        ratios = [np.median(np.divide(seconds[other], mine)) for other in others]
        middle = float(np.median(mine))
        shares = "".join(f"{ratio:25.2f}" for ratio in ratios)
        print(f"{name:<32}{middle:9.2f}{tokens / middle:10.0f}{shares}")
    print(f"peak memory above the loaded model: {(peak - before) / 2**20:.2f} GiB")
    if "theirs" in scored:
        difference = np.abs(scored["ours"] - scored["theirs"]).max()
        print(
            f"largest difference of a text's log-likelihood from the harness: {difference:.1e} nats"
        )


def replace_settings(behavior, text):
    from behaviordist.behaviors import parse_spec

    settings = parse_spec(f"m@{text}")[1]
    return replace(behavior, label=text, settings=settings, identity=behavior.identity + text)


if __name__ == "__main__":
    main()
