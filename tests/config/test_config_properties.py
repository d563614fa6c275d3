"""Properties of configs drawn from the forms of their settings, in every way of writing them."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dlrun.base.settings import Settings
from dlrun.config.forms import Form, Number, form_of_field
from dlrun.config.load import load_settings
from dlrun.config.schema import json_schema
from dlrun.config.write import plain, to_yaml
from dlrun.experiment.experiment import Experiment

check = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def reread(text: str, settings_class: type[Settings]) -> Settings:
    return load_settings(text, "f.yaml", (), settings_class)[0]


def drawn_settings(data: st.DataObject, settings_class: type[Settings]) -> tuple[Any, Settings]:
    """Draw what may be written, and what it validates to, unless settings exclude each other.

    The search space has laws of its own and stays out.
    """
    values = data.draw(_section(settings_class, 0))
    values.pop("tuner", None)
    try:
        return values, settings_class.model_validate(values)
    except ValidationError as error:
        assume(not error.errors())
        raise


@given(st.data())
@check
def test_small_experiments_read_back_as_they_were(small: type[Settings], data: st.DataObject) -> None:
    _, experiment = drawn_settings(data, small)
    text = to_yaml(experiment)
    assert reread(text, small) == experiment
    assert to_yaml(reread(text, small)) == text


@given(st.data())
@check
def test_experiments_read_back_as_they_were(data: st.DataObject) -> None:
    _, experiment = drawn_settings(data, Experiment)
    assert reread(to_yaml(experiment), Experiment) == experiment


@given(st.data())
@check
def test_what_was_set_is_enough_to_make_the_same_experiment(data: st.DataObject) -> None:
    _, experiment = drawn_settings(data, Experiment)
    assert Experiment.model_validate(plain(experiment, only_set=True)) == experiment


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json_schema(Experiment))


@given(st.data())
@check
def test_the_json_schema_allows_what_is_valid(validator: jsonschema.Draft202012Validator, data: st.DataObject) -> None:
    values, experiment = drawn_settings(data, Experiment)
    assert [error.message for error in validator.iter_errors(values)] == []
    assert [error.message for error in validator.iter_errors(yaml.safe_load(to_yaml(experiment)))] == []


def written(form: Form, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that may be written in a place of this form, in every way of writing them."""
    arms: list[st.SearchStrategy[Any]] = [_numbers(number) for number in form.numbers]
    arms += [st.sampled_from(form.words)] if form.words else []
    arms += [st.just(None)] if form.null else []
    arms += [st.booleans()] if form.boolean or form.switch else []
    arms += (
        [_TEXTS if form.pattern is None else st.sampled_from(["a", "no", "digits-dense", "x1"])] if form.text else []
    )
    arms += [_section(form.section, depth)] if form.section else []
    arms += [_by_kind(kind, cls, depth) for kind, cls in form.by_kind.items()]
    names = (
        form.by_name
        if depth < 5
        else {name: cls for name, cls in form.by_name.items() if "layers" not in cls.model_fields}
    )
    arms += [_by_name(name, cls, depth) for name, cls in names.items()]
    if form.items:
        fewest, most = form.length
        arms.append(st.lists(written(form.items.form, depth + 1), min_size=fewest, max_size=most or fewest + 2))
    if form.values:
        arms.append(st.dictionaries(_TEXTS, written(form.values.form, depth + 1), min_size=1, max_size=2))
    arms += [st.sampled_from([1, 0.5, "relu", None, [1, "no"], {"a.b": True}])] if form.anything else []
    return st.one_of(arms)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=6) | st.sampled_from(
    [
        "no",
        "1e-3",
        "1_0",
        "010",
        "1:30",
        "null",
        "~",
        "2020-01-01",
        "a: b",
        "# c",
        "- d",
        "é\u2028",
        "'",
        '"',
        " x ",
        "=",
        "<<",
        "[",
        "%",
    ]
)


def _numbers(number: Number) -> st.SearchStrategy[Any]:
    low = max([-1000, *(bound for sign, bound in number.bounds if sign.startswith(">"))])
    high = min([low + 1000, *(bound for sign, bound in number.bounds if sign.startswith("<"))])
    if number.whole:
        return st.integers(
            int(low) + any(sign == ">" for sign, _ in number.bounds),
            int(high) - any(sign == "<" for sign, _ in number.bounds),
        )
    excluded = {f"exclude_{'min' if sign == '>' else 'max'}": True for sign, _ in number.bounds if len(sign) == 1}
    return st.floats(low, high, allow_nan=False, **excluded)


def _section(settings_class: type[Settings], depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required, optional = {}, {}
    for name, known in settings_class.model_fields.items():
        if name != "kind":
            place = required if known.is_required() else optional
            place[name] = st.deferred(lambda name=name: written(form_of_field(settings_class, name), depth + 1))
    return st.fixed_dictionaries(required, optional=optional)


def _by_kind(kind: str, settings_class: type[Settings], depth: int) -> st.SearchStrategy[Any]:
    full = _section(settings_class, depth).map(lambda settings: {"kind": kind, **settings})
    return full if any(known.is_required() for known in settings_class.model_fields.values()) else full | st.just(kind)


def _by_name(name: str, settings_class: type[Settings], depth: int) -> st.SearchStrategy[Any]:
    ways: list[st.SearchStrategy[Any]] = [_section(settings_class, depth).map(lambda settings: {name: settings})]
    required = [field for field, known in settings_class.model_fields.items() if known.is_required()]
    if not required:
        ways.append(st.sampled_from([name, {name: None}]))
    if settings_class.main and set(required) <= {settings_class.main}:
        main = written(form_of_field(settings_class, settings_class.main), depth + 1)
        ways.append(main.filter(lambda value: not isinstance(value, dict)).map(lambda value: {name: value}))
    return st.one_of(ways)
