"""What --help shows: examples that parse, flags without a type, commands in order of use."""

import shlex

import pytest
import typer

from behaviordist.cli.app import app
from behaviordist.cli.help import EXAMPLES
from behaviordist.errors import did_you_mean

ROOT = typer.main.get_command(app)
LINES = [line for lines in EXAMPLES.values() for line in lines]


def command_of(words):
    command = ROOT
    while words and hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    return command


def test_every_command_has_examples_and_they_come_in_order_of_use():
    assert set(EXAMPLES) == set(ROOT.commands)
    for name in EXAMPLES:
        assert EXAMPLES[name][0] in ROOT.commands[name].epilog.replace("\n\n", "\n")
    kept = [n for n in ROOT.commands if n in ("distance", "compare", "transfer", "test", "plan")]
    assert kept == ["distance", "compare", "transfer", "test", "plan"]


@pytest.mark.parametrize("line", LINES)
def test_examples_parse(line):
    program, *words = shlex.split(line)
    assert program == "behaviordist"
    command = command_of(words)
    command.make_context(command.name, words, resilient_parsing=False).close()


def test_flags_show_no_type(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("run", "test"):
        with pytest.raises(SystemExit):
            ROOT.commands[name].main(["--help"], prog_name=name)
    said = capsys.readouterr().out
    assert "<bool>" not in said
    assert "<int>" in said


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        ("temp", ("temperature", "template", "top_k"), "temperature"),
        ("lr", ("learning_rate", "level", "steps"), "learning_rate"),
        ("quan", ("quant", "qat"), "quant"),
        ("temprature", ("temperature", "template"), "temperature"),
        ("zzz", ("temperature", "template"), None),
    ],
)
def test_did_you_mean_means_it(written, known, meant):
    said = did_you_mean(written, known)
    assert said.startswith(f"did you mean '{meant}'" if meant else "known: ")


def test_every_command_that_writes_takes_o():
    from typer.main import get_command

    def commands(group):
        for one in group.commands.values():
            yield from commands(one) if hasattr(one, "commands") else (one,)

    for command in commands(get_command(app)):
        names = {name for one in command.params for name in one.opts}
        assert ("--out" in names) <= ("-o" in names), command.name
