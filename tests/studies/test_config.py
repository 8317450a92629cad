"""Study files: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from behaviordist.errors import InputError
from behaviordist.studies.catalogue import STUDIES
from behaviordist.studies.load import load_study
from behaviordist.studies.study_file import merged

MINI = Path(__file__).with_name("mini.yaml")


def written(tmp_path, **changes):
    values = merged(yaml.safe_load(MINI.read_text()), changes)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", sorted(STUDIES))
def test_shipped_studies_load(name, quick):
    study = load_study(name, quick)
    assert study.name == name and study.regimes()


def test_the_default_study_is_as_large_as_promised():
    study = load_study("transfer")
    assert len(study.regimes()) == 16 and set(study.targets) == {"sft", "rlvr"}
    made = study.sources
    extra = 2 + len(study.snapshots) + len(made.hard)
    assert sum(made.mixtures.values()) + made.permuted + extra == 34
    assert study.square.behaviors == 12


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seedz": 3}, "unknown key 'seedz'; did you mean 'seeds'"),
        ({"test": {"permutation": 9}}, "unknown key 'test.permutation'; did you mean 'permuta"),
        ({"pretrain": {"budgets": 9}}, "unknown key 'pretrain.budgets'; did you mean 'budget'"),
        ({"post_training": {"sft": {"lr": 1}}}, "unknown key 'sft.lr'"),
        ({"tasks": ["copy", "revers"]}, "unknown function 'revers'; did you mean 'reverse'"),
        ({"distances": {"geometry": "helinger"}}, "did you mean 'hellinger'"),
        ({"seeds": 0}, "'seeds'"),
        ({"schema": 2}, "'schema'"),
        ({"transfer": {"share": 1.5}}, "'transfer.share'"),
        ({"pretrain": {"budget": 30}}, "multiple of convergence.every"),
        ({"tasks": ["copy", "copy"]}, "twice"),
    ],
)
def test_a_wrong_study_is_refused_in_one_line(tmp_path, changes, says):
    with pytest.raises(InputError) as caught:
        load_study(written(tmp_path, **changes))
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_and_unreadable_studies_are_refused(tmp_path):
    with pytest.raises(InputError, match="did you mean 'transfer'"):
        load_study("tranfer")
    with pytest.raises(InputError, match="no such file"):
        load_study(str(tmp_path / "none.yaml"))
    (tmp_path / "bad.yaml").write_text("a: [1,")
    with pytest.raises(InputError, match="not valid YAML at line"):
        load_study(str(tmp_path / "bad.yaml"))
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(InputError, match="mapping"):
        load_study(str(tmp_path / "list.yaml"))


def test_quick_changes_only_what_it_says():
    full, quick = load_study("transfer"), load_study("transfer", quick=True)
    assert quick.functions != full.functions
    assert quick.pretrain["batch_size"] == full.pretrain["batch_size"]
    assert quick.claims.alpha == full.claims.alpha


def test_null_in_a_quick_section_takes_a_key_away():
    whole = {"post_training": {"sft": {"budget": 4}, "dpo": {"budget": 2}}, "seeds": 3}
    asked = {"post_training": {"dpo": None, "sft": {"budget": 1}}, "absent": None}
    assert merged(whole, asked) == {"post_training": {"sft": {"budget": 1}}, "seeds": 3}
    assert "dpo" in whole["post_training"], "what is laid over stays as it was"


@pytest.mark.parametrize("name", ["algorithms", "bootstrapping"])
def test_quick_studies_train_fewer_algorithms(name):
    quick, whole = load_study(name, quick=True), load_study(name)
    assert set(quick.post_training) == {"sft", "rlvr"} < set(whole.post_training)
