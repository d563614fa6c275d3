"""Settings in few words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlrun.reports.settings_text import changes_text, short_names

paths = st.lists(st.sampled_from(["a", "b", "0", "1"]), min_size=1, max_size=4).map(".".join)


def test_the_shortest_end_that_tells_paths_apart() -> None:
    labels = ["model.layers.0.dense.units", "model.layers.1.dense.units", "optimizer.learning_rate", "seed", "x.seed"]
    assert list(short_names(labels).values()) == ["0.dense.units", "1.dense.units", "learning_rate", "seed", "x.seed"]
    assert short_names(["model[linear, 0.5].l2", "training.epochs"])["model[linear, 0.5].l2"] == "l2"


@given(st.lists(paths, unique=True, max_size=8))
def test_names_are_unique_ends(labels: list[str]) -> None:
    names = short_names(labels)
    assert len(set(names.values())) == len(labels)
    assert all(label == name or label.endswith(f".{name}") for label, name in names.items())


def test_only_changes_are_told_and_the_rest_is_counted() -> None:
    written = {"a.units": 8, "a.rate": 0.1, "a.norm": True}
    names = short_names(written)
    changed = {"a.units": 8, "a.rate": 0.123456, "a.norm": False, "b": "relu"}
    assert changes_text(changed, written, names, most=9) == "rate 0.1235, norm false, b relu"
    assert changes_text(changed, written, names, most=1) == "rate 0.1235 and 2 more"
    assert changes_text(written, written, names, most=1) == "as written"
