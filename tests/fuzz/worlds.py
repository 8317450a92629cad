"""Small good inputs of every kind that a command reads, each with the command that reads it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from behaviordist.behaviors import load
from behaviordist.measurements.fingerprints import fingerprint
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store.tables import write_square
from tests.behaviors.conftest import write_llama
from tests.behaviors.test_gguf import write_gguf
from tests.evals.logs import harness_row, write_inspect, write_lines, write_packed, write_table
from tests.report.run_folders import write_distance_run, write_transfer_run

LABELS = list("abcdef")
STUDY = Path(__file__).parents[1] / "studies" / "mini.yaml"
PROBES = ProbeSet("few", tuple(Probe(f"p{i}", f"Say {i}", " a b") for i in range(4)))


@dataclass(frozen=True)
class Target:
    """A file that is damaged, how, and the command that then reads it.

    Attributes
    ----------
    file
        Path below the world's folder.
    damage
        A name in `mutations.DAMAGE`.
    command
        What is run in the folder.
    cost
        Relative price of one run: the budget of examples is divided by it.
    """

    file: str
    damage: str
    command: str
    cost: int = 1


def _square(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(1, 9, (len(LABELS), len(LABELS)))
    values = values + values.T
    np.fill_diagonal(values, 0)
    write_square(path, pd.DataFrame(values, index=LABELS, columns=LABELS))


def tables(folder: Path) -> None:
    """Matrices, long tables, strata, units, invalid pairs, labels of seconds."""
    for seed, name in enumerate(("d.csv", "c.csv", "b.csv")):
        _square(folder / name, seed)
    rng = np.random.default_rng(3)
    rows = [
        {
            "source": a, "target": b, "seed": s, "steps": int(rng.integers(1, 90)),
            "censored": int(rng.integers(0, 2)),
        }
        for a in LABELS for b in LABELS for s in (0, 1) if a != b
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "long.csv", index=False)
    pd.DataFrame(rows).to_parquet(folder / "long.parquet")
    halves = ["x" if label < "d" else "y" for label in LABELS]
    pd.DataFrame({"label": LABELS, "stratum": halves}).to_csv(folder / "strata.csv", index=False)
    pd.DataFrame({"label": LABELS, "unit": LABELS}).to_csv(folder / "units.csv", index=False)
    (folder / "invalid.csv").write_text("target,source\na,b\nc,d\n")


def probe_files(folder: Path) -> None:
    """A probe set, prompts in a CSV, chats."""
    PROBES.save(folder / "p.jsonl")
    (folder / "rows.csv").write_text("prompt,continuation,tags\nSay 1, a b,x\nSay 2, c,y\n")
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    (folder / "chat.jsonl").write_text(json.dumps({"messages": chat}) + "\n")


def logs(folder: Path) -> None:
    """Logs of trainers and a manifest that names them."""
    history = [{"step": s, "eval_score": s / 40, "epoch": s / 10} for s in (0, 10, 20, 30)]
    state = {"global_step": 30, "log_history": history}
    (folder / "trainer_state.json").write_text(json.dumps(state))
    (folder / "log.csv").write_text("step,eval_score\n0,0.1\n10,0.4\n20,0.9\n")
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    paths = ("trainer_state.json", "log.csv", "log.jsonl")
    rows = [f"{source},t,{path},0,40,0.9" for source, path in zip("abc", paths, strict=True)]
    (folder / "runs.csv").write_text(
        "source,target,path,seed,budget,level\n" + "\n".join(rows) + "\n"
    )


def evals(folder: Path) -> None:
    """Eval logs: of the harness, of Inspect, tables; a policy about them."""
    check = "{metric: evals, margin: 0.9, test: disagreement}"
    (folder / "gate.yaml").write_text(f"policy: 1\nalpha: 0.05\nchecks: [{check}]\n")
    scores = ((1, 0, 1, 1), (1, 1, 0, 1))
    write_table(folder / "scores.csv", dict(zip("ab", scores, strict=True)))
    pd.read_csv(folder / "scores.csv").to_parquet(folder / "scores.parquet")
    for model, of in zip("ab", scores, strict=True):
        write_lines(folder / f"{model}.jsonl", [harness_row(i, s) for i, s in enumerate(of)])
        for name in (f"{model}.json", f"{model}.eval"):
            write_inspect(folder / name, model, [[s] for s in of])
    write_packed(Path(shutil.copy(folder / "a.eval", folder / "packed.eval")))


def declarations(folder: Path) -> None:
    """A study file and a regime file."""
    shutil.copy(STUDY, folder / "study.yaml")
    rows = [{"prompt": f"Say {x}", "completion": f" {x}"} for x in "ab"]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {"train": "rows.jsonl", "held_out": "rows.jsonl"}
    rule = {"at_least": 0.9, "every": 1}
    regime = {"algorithm": "sft", "task": "few", "budget": 2, "batch_size": 2, "data": data,
              "learning_rate": 0.001, "convergence": rule}  # fmt: skip
    (folder / "regime.yaml").write_text(yaml.safe_dump(regime))
    write_llama(folder / "one", hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    (folder / "taken").write_text("a file\n")


def models(folder: Path) -> None:
    """Two tiny checkpoints, arrays of log-probabilities, probes."""
    PROBES.save(folder / "p.jsonl")
    write_llama(folder / "one", hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    write_llama(folder / "two", 1, hidden_size=16, intermediate_size=16, num_hidden_layers=1)
    peft = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"],
            "base_model_name_or_path": "one", "task_type": "CAUSAL_LM"}  # fmt: skip
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(peft))
    write_gguf(folder / "m.gguf", write_llama(folder / "whole", extra=("12",)))
    n = sum(len(probe.continuation) for probe in PROBES)
    log_p = np.log(np.full((n, 5), 0.2, np.float32))
    probe = np.repeat(np.arange(len(PROBES)), 4)
    for name in ("x", "y"):
        np.savez(folder / f"{name}.npz", log_p=log_p, probe=probe)
    from safetensors.numpy import save_file

    save_file({"log_p": log_p, "probe": probe}, folder / "z.safetensors")
    for name in ("x", "y"):
        made = fingerprint([load(str(folder / f"{name}.npz"))], folder / "atlas", PROBES)
        assert made[0].label == name
        (file,) = (folder / "atlas").glob(f"{name}-*.safetensors")
        file.rename(folder / "atlas" / f"{name}.safetensors")
    shutil.rmtree(folder / "atlas" / "matrices")


def runs(folder: Path) -> None:
    """Folders of finished runs."""
    write_distance_run(folder / "distance", 4)
    write_transfer_run(folder / "transfer", 4)


TEST = "test --distances d.csv --permutations 99 --out o --costs"
IMPORT = "costs import runs.csv --metric eval_score --out o.csv"
PAIR = "distance one two --probes p.jsonl --out o"
REGIME = "transfer --sources one --targets regime.yaml --out taken"
PLAN = "plan --study transfer --target sft-copy --out o"
EVALS = "evals compare --reference a --candidate b"
ARRAYS = "distance x.npz --probes p.jsonl --out o"

WORLDS: dict[str, tuple[Callable[[Path], None], list[Target]]] = {
    "tables": (
        tables,
        [
            Target("d.csv", "csv", f"{TEST} c.csv"),
            Target("c.csv", "csv", f"{TEST} c.csv"),
            Target("b.csv", "csv", f"{TEST} c.csv --baseline x=b.csv"),
            Target("long.csv", "csv", f"{TEST} long.csv"),
            Target("long.parquet", "bytes", f"{TEST} long.parquet"),
            Target("strata.csv", "csv", f"{TEST} c.csv --strata strata.csv"),
            Target("units.csv", "csv", f"{TEST} c.csv --units units.csv"),
            Target("invalid.csv", "csv", f"{TEST} c.csv --invalid invalid.csv"),
            Target("d.csv", "csv", "plan --distances d.csv --costs c.csv --target a --out o"),
            Target("c.csv", "csv", "plan --backtest --distances d.csv --costs c.csv --out o"),
            Target(
                "c.csv",
                "csv",
                "leaderboard --distances x=d.csv --distances y=b.csv --costs c.csv"
                " --permutations 99 --out o",
                20,
            ),
        ],
    ),
    "probes": (
        probe_files,
        [
            Target("p.jsonl", "jsonl", "probes validate p.jsonl"),
            Target("p.jsonl", "jsonl", "probes show p.jsonl"),
            Target("rows.csv", "csv", "probes new rows.csv --out new.jsonl"),
            Target("p.jsonl", "bytes", "probes new p.jsonl --out new.jsonl"),
            Target("chat.jsonl", "jsonl", "probes new chat.jsonl --out new.jsonl"),
        ],
    ),
    "logs": (
        logs,
        [
            Target("runs.csv", "csv", f"{IMPORT} --tau 0.5"),
            Target("trainer_state.json", "json", f"{IMPORT} --share 0.5"),
            Target("log.csv", "csv", f"{IMPORT} --tau 0.5"),
            Target("log.jsonl", "jsonl", f"{IMPORT} --tau 0.5"),
        ],
    ),
    "evals": (
        evals,
        [
            Target("a.jsonl", "jsonl", f"{EVALS} a.jsonl b.jsonl"),
            Target("a.json", "json", f"{EVALS} a.json b.json --tag subject"),
            Target("a.eval", "bytes", f"{EVALS} a.eval b.eval"),
            Target("packed.eval", "bytes", f"{EVALS} packed.eval b.eval"),
            Target("scores.csv", "csv", f"{EVALS} scores.csv"),
            Target("scores.parquet", "bytes", f"{EVALS} scores.parquet"),
            Target("scores.csv", "csv", "evals distance scores.csv --out o", 20),
            Target("gate.yaml", "yaml", "gate a.jsonl b.jsonl --policy gate.yaml"),
        ],
    ),
    # `--out` is a file: the declaration is read and checked, and nothing is ever trained.
    "declarations": (
        declarations,
        [
            Target("study.yaml", "yaml", "run study.yaml --out taken"),
            Target("study.yaml", "yaml", "run study.yaml --quick --out taken"),
            Target("regime.yaml", "yaml", REGIME),
        ],
    ),
    "models": (
        models,
        [
            Target("one/config.json", "json", PAIR, 30),
            Target("one/tokenizer.json", "json", PAIR, 30),
            Target("one/tokenizer_config.json", "json", PAIR, 30),
            Target("one/model.safetensors", "bytes", PAIR, 30),
            Target("adapter/adapter_config.json", "json", PAIR.replace("two", "adapter"), 30),
            Target("m.gguf", "header", PAIR.replace("two", "m.gguf"), 30),
            Target("x.npz", "bytes", f"{ARRAYS} y.npz", 10),
            Target("z.safetensors", "bytes", f"{ARRAYS} z.safetensors", 10),
            Target("p.jsonl", "jsonl", f"{ARRAYS} y.npz", 10),
            Target("atlas/x.safetensors", "bytes", "distance atlas --out o", 10),
            Target("atlas/x.safetensors", "bytes", "compare atlas/x.safetensors y.npz --out o", 10),
        ],
    ),
    "runs": (
        runs,
        [
            Target("distance/run.json", "json", "report distance", 30),
            Target("distance/distances.csv", "csv", "report distance", 30),
            Target("transfer/run.json", "json", "report transfer", 60),
            Target("transfer/costs.csv", "csv", "report transfer", 60),
            Target("transfer/transfers.parquet", "bytes", "report transfer", 60),
            Target("transfer/run.json", "json", PLAN, 2),
        ],
    ),
}
