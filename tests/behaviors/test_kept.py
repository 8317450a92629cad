"""A GGUF file is unpacked once for settings that leave its weights alone; one model at a time."""

from pathlib import Path

import pytest

from behaviordist.behaviors.huggingface.kept import kept_open, opened
from behaviordist.behaviors.huggingface.sources import GgufSource


class Weights:
    """Stands for an unpacked model."""


def use(source, changed=False, dtype="float32"):
    with opened(source, dtype, None, changed) as model:
        return id(model), model


@pytest.mark.slow
def test_a_file_is_unpacked_once_until_another_is_opened_or_it_was_changed(tmp_path, monkeypatch):
    count = []

    def unpack(self, dtype, device):
        count.append(self.path.name)
        return Weights()

    monkeypatch.setattr(GgufSource, "open", unpack)
    a, b = (GgufSource(Path(tmp_path / f"{n}.gguf")) for n in "ab")
    for source in (a, b):
        source.path.write_bytes(b"GGUF")
    use(a), use(a)
    assert count == ["a.gguf"] * 2  # nothing is kept where nobody asked for it
    count.clear()
    with kept_open():
        first = use(a)[1]
        assert use(a)[1] is first and count == ["a.gguf"]
        assert use(a, dtype="bfloat16")[1] is not first  # another type is another model
        count.clear()
        use(a), use(a, changed=True), use(a)
        assert count == ["a.gguf", "a.gguf"]
        use(b), use(a)
        assert count[2:] == ["b.gguf", "a.gguf"]
        a.path.write_bytes(b"GGUF2")  # another file under the same name
        use(a)
        assert count[4:] == ["a.gguf"]
