"""No input, however damaged, ends in a traceback, two lines, or half-written results.

``BEHAVIORDIST_FUZZ`` is the number of examples of a target of cost 1 (default 6); the large budget
is `slow`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.command_line import check
from tests.fuzz.mutations import DAMAGE
from tests.fuzz.worlds import WORLDS, Target

SMALL = int(os.environ.get("BEHAVIORDIST_FUZZ", "6"))
LARGE = int(os.environ.get("BEHAVIORDIST_FUZZ_LARGE", "100"))
SAME = "BEHAVIORDIST_FUZZ_LARGE" not in os.environ  # CI sees the same inputs every time
CASES = [(world, target) for world, (_, targets) in WORLDS.items() for target in targets]
NAMES = [f"{world}-{t.file}-{t.command.split()[0]}-{i}" for i, (world, t) in enumerate(CASES)]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good folder a world, made when it is first wanted."""
    made: dict[str, Path] = {}

    class Places(dict[str, Path]):
        def __missing__(self, world: str) -> Path:
            self[world] = tmp_path_factory.mktemp(world)
            WORLDS[world][0](self[world])
            return self[world]

    return Places(made)


def fuzz(place: Path, target: Target, examples: int, derandomize: bool) -> None:
    """Damage the target's file in so many ways and run its command on each."""
    good = (place / target.file).read_bytes()

    @settings(
        max_examples=max(examples // target.cost, 3),
        deadline=None,
        derandomize=derandomize,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        damaged = data.draw(DAMAGE[target.damage](good), label=target.file)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "world"
            shutil.copytree(place, folder)
            (folder / target.file).write_bytes(damaged)
            check(folder, *target.command.split())

    one()


@pytest.mark.parametrize(("world", "target"), CASES, ids=NAMES)
def test_a_damaged_file_is_refused_in_one_line_or_read(world, target, places):
    fuzz(places[world], target, SMALL, derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize(("world", "target"), CASES, ids=NAMES)
def test_thousands_of_damaged_files(world, target, places):
    fuzz(places[world], target, LARGE, derandomize=SAME)
