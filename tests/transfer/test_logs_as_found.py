"""Logs as trainers leave them: crashes, restarts, two trainings in a folder, NaN, damage."""

import json
import struct

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.transfer.event_files import _masked, read_session
from behaviordist.transfer.import_logs import TauRule, import_costs
from behaviordist.transfer.training_logs import read_curve

TAG = "eval/reward"


def varint(n):
    out = b""
    while n > 0x7F:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def event(wall, step, tag=None, value=0.0, start=False):
    """A serialised Event, written by hand from TensorFlow's event.proto."""
    message = varint(1 << 3 | 1) + struct.pack("<d", wall) + varint(2 << 3) + varint(step)
    if tag is not None:
        body = field(1, tag.encode()) + varint(2 << 3 | 5) + struct.pack("<f", value)
        message += field(5, field(1, body))
    return message + (field(7, b"\x08\x01") if start else b"")


def write_events(path, pairs, wall=0, tag=TAG, start=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [event(wall, 0)] if start is None else [event(wall, start, start=True)]
    records += [event(wall + step, step, tag, value) for step, value in pairs]
    with path.open("wb") as file:
        for record in records:
            length = struct.pack("<Q", len(record))
            file.write(length + struct.pack("<I", _masked(length)))
            file.write(record + struct.pack("<I", _masked(record)))


def write_state(path, pairs, metric="eval_reward"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"log_history": [{"step": s, metric: v} for s, v in pairs]}))


def one_cost(folder, log, rule=None, metric="eval_reward", header="", cells=""):
    manifest = folder / "runs.csv"
    manifest.write_text(f"source,target,path{header}\na,t,{log}{cells}\n")
    return import_costs(manifest, metric, rule or TauRule(tau=0.8)).iloc[0]


def test_checksum_is_that_of_the_standard():
    # RFC 3720, B.4: 32 bytes of zeros give aa 36 91 8a (little-endian).
    plain = 0x8A9136AA
    assert _masked(bytes(32)) == ((plain >> 15 | plain << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def test_events_agree_with_tensorboards_own_writer_and_reader(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    first = SummaryWriter(str(tmp_path), filename_suffix=".1")
    for step in range(0, 60, 10):
        first.add_scalar(TAG, step / 100, step)
    first.close()
    again = SummaryWriter(str(tmp_path), filename_suffix=".2", purge_step=25)
    for step in (30, 40):
        again.add_scalar(TAG, 1 + step / 100, step)
    again.close()
    theirs = EventAccumulator(str(tmp_path))
    theirs.Reload()
    curve = read_curve(tmp_path, TAG)
    assert curve.steps.tolist() == [e.step for e in theirs.Scalars(TAG)] == [0, 10, 20, 30, 40]
    np.testing.assert_array_equal(curve.scores, [e.value for e in theirs.Scalars(TAG)])


def test_two_trainings_under_one_folder_are_refused_and_one_of_them_is_read(tmp_path):
    for day, scores in ((1, [0.1, 0.9]), (2, [0.05, 0.1])):
        pairs = list(zip((10, 20), scores, strict=True))
        write_events(tmp_path / f"run/runs/Jan0{day}/events.out.tfevents.{day}", pairs, wall=day)
    with pytest.raises(InputError, match=r"2 trainings with 'eval/reward' \(runs/Jan01 and runs"):
        read_curve(tmp_path / "run", TAG)
    assert one_cost(tmp_path, "run/runs/Jan01", metric=TAG)["steps"] == 20
    # The same folder, begun again.
    write_events(tmp_path / "b/events.out.tfevents.1.host", [(10, 0.1), (20, 0.9)])
    write_events(tmp_path / "b/events.out.tfevents.2.host", [(10, 0.1), (20, 0.2)], wall=1000)
    with pytest.raises(InputError, match="begins again at step 10: two trainings"):
        read_curve(tmp_path / "b", TAG)


def test_what_a_crash_undid_does_not_count(tmp_path):
    lost = [(10, 0.1), (20, 0.2), (30, 0.3), (40, 0.4), (50, 0.85), (60, 0.9)]
    write_events(tmp_path / "run/events.out.tfevents.2", lost)
    # Of later wall time, though its name sorts first.
    write_events(tmp_path / "run/events.out.tfevents.1", [(30, 0.2), (40, 0.25)], wall=1000)
    cost = one_cost(tmp_path, "run", metric=TAG)
    assert (cost["steps"], cost["censored"]) == (40, 1)
    # A continuation that has not scored yet: its loss says where it goes on.
    write_events(tmp_path / "run/events.out.tfevents.3", [(25, 1.0)], wall=2000, tag="loss")
    assert read_curve(tmp_path / "run", TAG).steps.tolist() == [10, 20]
    lines = [json.dumps({"step": s, "r": v}) for s, v in [*lost, (30, 0.2), (40, 0.25)]]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    cost = one_cost(tmp_path, "log.jsonl", metric="r")
    assert (cost["steps"], cost["censored"]) == (40, 1)
    (tmp_path / "log.jsonl").write_text("\n".join([*lines, lines[0]]))
    with pytest.raises(InputError, match="begins again at step 10"):
        read_curve(tmp_path / "log.jsonl", "r")


def test_damaged_event_files_name_the_byte_and_half_a_record_at_the_end_is_left_out(tmp_path):
    path = tmp_path / "events.out.tfevents.1"
    write_events(path, [(s, s / 100) for s in range(10, 60, 10)])
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(whole), size=60):
        broken = bytearray(whole)
        broken[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(broken))
        with pytest.raises(InputError, match="damaged"):
            read_session(path)
    for end in range(1, 30):
        path.write_bytes(whole[:-end])
        assert len(read_session(path).rows) in (4, 5)
    path.write_bytes(b"\x00" * 40 + b"text")
    with pytest.raises(InputError, match="damaged at byte 0"):
        read_session(path)


def test_a_killed_run_is_censored_where_its_log_ends(tmp_path):
    write_state(tmp_path / "k/trainer_state.json", [(s, s / 1000) for s in (50, 100, 150, 200)])
    cost = one_cost(tmp_path, "k", header=",budget", cells=",1000")
    assert (cost["steps"], cost["censored"], cost["budget"]) == (200, 1, 1000)
    cost = one_cost(tmp_path, "k", header=",budget", cells=",120")
    assert (cost["steps"], cost["censored"]) == (100, 1)  # looked at 100, not at 120
    with pytest.raises(InputError, match="nothing is logged up to its budget of 20"):
        one_cost(tmp_path, "k", header=",budget", cells=",20")


@pytest.mark.parametrize("lower", [False, True])
def test_nan_has_not_arrived_and_was_looked_at(tmp_path, lower):
    pairs = [(50, 0.9), (100, 0.9)] + [(s, float("nan")) for s in range(150, 1001, 50)]
    write_state(tmp_path / "d/trainer_state.json", pairs)
    rule = TauRule(tau=0.5 if lower else 0.95, lower=lower)
    cost = one_cost(tmp_path, "d", rule)
    assert (cost["steps"], cost["censored"]) == (1000, 1)
    (tmp_path / "d.csv").write_text("epoch,step,r\n0,1,\n0,1,0.9\n1,2,\n1,2,NaN\n")
    cost = one_cost(tmp_path, "d.csv", rule, metric="r")
    assert (cost["steps"], cost["censored"]) == (2, 1)


@pytest.mark.parametrize("level", [-1.0, 0])
def test_a_share_of_a_level_that_is_not_above_zero_means_nothing(tmp_path, level):
    write_state(tmp_path / "n/trainer_state.json", [(50, -2.0), (100, -1.5)])
    with pytest.raises(InputError, match="a share of it means nothing"):
        one_cost(tmp_path, "n", TauRule(share=0.9), header=",level", cells=f",{level}")


def test_the_longest_history_counts_if_the_others_begin_it(tmp_path):
    long = [(s, s / 100) for s in range(5, 101, 5)]
    write_state(tmp_path / "s/trainer_state.json", long[:1])
    write_state(tmp_path / "s/checkpoint-100/trainer_state.json", long)
    assert one_cost(tmp_path, "s", TauRule(tau=0.9))["steps"] == 90
    write_state(tmp_path / "s/trainer_state.json", [(5, 0.7)])
    with pytest.raises(InputError, match="tell of different trainings"):
        read_curve(tmp_path / "s", "eval_reward")


def test_half_a_last_line_is_left_out_and_half_a_line_before_it_is_named(tmp_path):
    good = '{"step": 1, "r": 0.1}\n{"step": 2, "r": "NaN"}\n'
    (tmp_path / "a.jsonl").write_text(good + '{"step": 3, "r": 0.')
    curve = read_curve(tmp_path / "a.jsonl", "r")
    assert curve.steps.tolist() == [1, 2] and np.isnan(curve.scores[1])
    (tmp_path / "a.jsonl").write_text(good + '{"step": 3, "r": 0.\n')
    with pytest.raises(InputError, match="line 3: not JSON"):
        read_curve(tmp_path / "a.jsonl", "r")


def test_tensorboards_own_download(tmp_path):
    (tmp_path / "tb.csv").write_text("Wall time,Step,Value\n1,1,0.1\n2,2,0.95\n")
    assert one_cost(tmp_path, "tb.csv", metric="Value")["steps"] == 2


def test_a_wide_table_holds_a_run_a_row(tmp_path):
    wide = tmp_path / "flan.csv"
    wide.write_text("source,0,400,200,size,family\nx,4,2,3,124,A\ny,5,4.5,,774,A\nz,5,nan,4,9,B\n")
    rule = TauRule(tau=3, lower=True)
    costs = import_costs(wide, None, rule).set_index("source")
    assert costs.loc["x", ["target", "steps", "censored"]].tolist() == ["flan", 200, 0]
    assert costs.loc["y", ["steps", "censored"]].tolist() == [400, 1]
    assert costs.loc["z", ["steps", "censored"]].tolist() == [400, 1]
    assert set(import_costs(wide, None, rule, "t")["target"]) == {"t"}
    wide.write_text("source,0,200\nx,4,far\n")
    with pytest.raises(InputError, match="row 'x', column 200: no number 'far'"):
        import_costs(wide, None, rule)


def test_runs_twice_and_own_runs_alone_are_refused(tmp_path):
    write_state(tmp_path / "k/trainer_state.json", [(50, 0.5)])
    manifest = tmp_path / "runs.csv"
    manifest.write_text("source,target,path\na,a,k\n")
    with pytest.raises(InputError, match="only the targets' own runs"):
        import_costs(manifest, "eval_reward", TauRule(tau=0.8))
    manifest.write_text("source,target,path\na,b,k\na,b,k\n")
    with pytest.raises(InputError, match="run a -> b, seed 0 is there twice"):
        import_costs(manifest, "eval_reward", TauRule(tau=0.8))
    with pytest.raises(InputError, match="--metric"):
        import_costs(manifest, None, TauRule(tau=0.8))


@pytest.mark.parametrize("key", ["step", "eval_reward"])
def test_an_integer_that_no_float_holds_is_infinite(tmp_path, key):
    rows = [{"step": s, "eval_reward": s / 30} for s in (0, 10, 20, 30)]
    huge = json.dumps({"log_history": [*rows, {"step": 40, "eval_reward": 2.0, key: 10**400}]})
    (tmp_path / "trainer_state.json").write_text(huge)
    curve = read_curve(tmp_path / "trainer_state.json", "eval_reward")
    assert curve.steps[-1] == (30 if key == "step" else 40)
