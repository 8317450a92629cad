"""The base of a study on real models as a plain float32 folder, made once from a GGUF file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from behaviordist.errors import InputError
from behaviordist.store import file_digest, write_json
from behaviordist.store.jobs import Job
from behaviordist.studies.real_models.runs import BASE
from behaviordist.studies.stages import StageClock

PACKAGE = "package:"


def find_gguf(base: str) -> Path:
    """Return the file that ``package:NAME/FILE.gguf`` or a path names.

    Raises
    ------
    InputError
        No such package or file, or neither a folder of a model nor a GGUF file.
    """
    if base.startswith(PACKAGE):
        name, _, file = base.removeprefix(PACKAGE).partition("/")
        spec = importlib.util.find_spec(name)  # not imported: only its file is wanted
        if spec is None or spec.origin is None:
            raise InputError(f"base {base}: package '{name}' is not installed")
        path = Path(spec.origin).parent / file
    else:
        path = Path(base)
    if path.suffix != ".gguf" or not path.is_file():
        raise InputError(f"base {base}: neither a Hugging Face folder nor a .gguf file")
    return path


def convert_gguf(folder: Path, path: Path) -> None:
    """Write a GGUF file's model as a Hugging Face folder that can be trained: float32, plain.

    The tokenizer's pre-tokenizer is mended on the way (`behaviors.huggingface.gguf_files`).
    """
    import torch

    from behaviordist.behaviors.huggingface.gguf_files import load_model, load_tokenizer

    tokenizer, notes = load_tokenizer(path)
    load_model(path, torch.float32).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    write_json(
        folder / "provenance.json",
        {"schema": 1, "source": path.name, "digest": file_digest(path), "notes": list(notes)},
    )


def base_place(folder: Path, base: str) -> Path:
    """Return where a study's base lies as a plain folder: where it is one, else in the run's."""
    lies = Path(base)
    return lies if (lies / "config.json").is_file() else folder / "checkpoints" / BASE


def make_base(place: Path, base: str, clock: StageClock) -> None:
    """Convert a study's base into `place`, once; a plain folder is left as it is."""
    if place == Path(base):
        return
    path = find_gguf(base)
    inputs = {"gguf": file_digest(path), "dtype": "float32"}
    job = Job(place, inputs, convert_gguf, {"path": path})
    clock.run("base", "Converting the base to float32", [job], 1)
