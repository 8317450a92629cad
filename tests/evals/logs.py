"""Hand-made logs of every kind with known flips, as their programs lay them out."""

import hashlib
import json
import struct
import zlib
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def harness_row(i, score, *, answers="none", prompt="", subject="law", metric="acc"):
    doc = {"id": i, "question": f"Who is {i}?", "subject": subject, "page": i // 2}
    return {
        "doc_id": i, "doc": doc, "target": str(i), "arguments": [[f"Who is {i}?", " x"]],
        "resps": [[[-1.0, False]]], "filtered_resps": [[-1.0, False]], "filter": answers,
        "metrics": [metric], "doc_hash": sha(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": sha(f"{prompt}{i}"), "target_hash": sha(str(i)), metric: score,
    }  # fmt: skip


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_harness(folder, model, task, scores, **how):
    path = folder / model.replace("/", "__") / f"samples_{task}_2025-01-02T03-04-05.678.jsonl"
    return write_lines(path, [harness_row(i, s, **how) for i, s in enumerate(scores)])


def inspect_log(model, scores, task="quiz"):
    samples = [
        {
            "id": i, "epoch": epoch, "input": f"Who is {i}?", "target": str(i),
            "scores": {"match": {"value": value, "answer": "x"}}, "metadata": {"subject": "law"},
        }
        for i, values in enumerate(scores)
        for epoch, value in enumerate(values, start=1)
    ]  # fmt: skip
    return {"version": 2, "status": "success", "eval": {"task": task, "model": model},
            "samples": samples}  # fmt: skip


def write_inspect(path, model, scores):
    log = inspect_log(model, scores)
    if path.suffix == ".json":
        path.write_text(json.dumps(log))
        return path
    with ZipFile(path, "w", ZIP_DEFLATED) as file:
        file.writestr("header.json", json.dumps({k: v for k, v in log.items() if k != "samples"}))
        for sample in log["samples"]:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            file.writestr(name, json.dumps(sample))
        file.writestr("summaries.json", "[]")
    return path


def write_table(path, scores):
    """`scores`: model -> list of scores of q0, q1, ..."""
    rows = [f"q{i},{m},{s}" for m, values in scores.items() for i, s in enumerate(values)]
    path.write_text("\n".join(["item,model,score", *rows]) + "\n")
    return path


def write_packed(path):
    """Pack a zip anew with zstandard (method 93), laid out as the ZIP specification has it."""
    with ZipFile(path) as file:
        members = [(info.filename.encode(), file.read(info)) for info in file.infolist()]
    body, directory = b"", b""
    for name, data in members:
        packed = pyarrow.compress(data, codec="zstd", asbytes=True)
        sizes = struct.pack("<IIIHH", zlib.crc32(data), len(packed), len(data), len(name), 0)
        shared = struct.pack("<HHHHH", 63, 0, 93, 0, 33)
        directory += b"PK\x01\x02" + struct.pack("<H", 63) + shared + sizes
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + shared + sizes + name + packed
    n = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, n, n, len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\x05\x06" + end)
