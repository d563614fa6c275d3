"""Space: whether the settings that a tuner would try exist and would be accepted."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Protocol

from pydantic import ValidationError

from dlrun.base.settings import Settings
from dlrun.base.words import show
from dlrun.config import messages
from dlrun.config.lacking import find_lacking
from dlrun.config.marks import Fault, Mark, Marks, Path
from dlrun.config.overrides import Assignment, NoSuchSetting, assign

_SHARED = {
    "tuner": "it is a setting of the search itself",
    "name": "trials are named by their study",
    "validation": "all trials are scored on the same rows",
    "evaluation": "all trials are scored in the same way",
}
"""Sections that are the same in all trials, and why."""


class Tried(Protocol):
    """What is asked of a tuner here."""

    @property
    def objectives(self) -> Any:
        """Names of the values that are looked at, or `auto`."""

    def extremes(self) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        """Yield what to set together, by setting, and the path of the tuner's setting that asks for it."""


class Searched(Settings):
    """A whole config with a section `tuner`, whose space is tried on the config."""

    @classmethod
    def faults_of_whole(cls, settings: Any, data: Any, marks: Any, faults: Sequence[Any]) -> list[Any]:
        if settings is None:
            return check_rest_of_space(data, faults, marks, cls)
        return check_space(settings, data, marks, cls)


def check_space(
    settings: Settings, data: Mapping[str, Any], marks: Marks, settings_class: type[Settings]
) -> list[Fault]:
    """Try the ends of every range, every option of every choice and every point of a list on the config.

    Each is set on the config as written, the others staying as they are; what only a combination of values breaks
    is not found.

    Args:
        settings: The config; nothing is checked without a tuner.
        data: Plain values that it was made of.
        marks: Where they were written.
        settings_class: Class of the whole config.
    """
    tuner: Tried | None = getattr(settings, "tuner", None)
    if tuner is None:
        return []
    base = {name: value for name, value in data.items() if name != "tuner"}
    weighed = tuner.objectives != "auto" and "parameters" in tuner.objectives
    faults: dict[tuple[Path, str], Fault] = {}
    for path, values in tuner.extremes():
        mark = marks.of_key(path)
        fault = _shared_setting(settings, values, path, mark) or _try(
            base, values, path, mark, settings_class, weighed=weighed
        )
        if fault:
            faults.setdefault((path, fault.hint or fault.message), fault)
    return list(faults.values())


def check_rest_of_space(
    data: Any, faults: Sequence[Fault], marks: Marks, settings_class: type[Settings]
) -> list[Fault]:
    """Check what is searched beside settings of a tuner that are wrong in themselves, so that all faults show at once.

    Args:
        data: Plain values of the config, which are not valid.
        faults: What is wrong with them.
        marks: Where they were written.
        settings_class: Class of the whole config.

    Returns:
        Further faults; none if something outside the tuner is wrong, as values are tried on the rest of the config.
    """
    tuner = data.get("tuner") if isinstance(data, Mapping) else None
    if not isinstance(tuner, Mapping) or any(len(fault.path) < 2 or fault.path[0] != "tuner" for fault in faults):
        return []
    rest = {**data, "tuner": deepcopy(dict(tuner))}
    for fault in faults:
        _leave_out(rest["tuner"], fault.path[1:])
    try:
        settings = settings_class.model_validate(rest)
    except ValidationError:
        return []
    left_out = {fault.path[2] for fault in faults if fault.path[1] == "space" and len(fault.path) > 2}
    unknown = [_unknown(settings, rest, str(path), marks, settings_class) for path in left_out]
    found = check_space(settings, rest, marks, settings_class)
    return [*found, *(fault for fault in unknown if fault)]


def _unknown(
    settings: Settings, data: Mapping[str, Any], setting: str, marks: Marks, settings_class: type[Settings]
) -> Fault | None:
    """Tell whether a setting that is searched by a wrong distribution does not even exist."""
    path: Path = ("tuner", "space", setting)
    base = {name: value for name, value in data.items() if name != "tuner"}
    mark = marks.of_key(path)
    try:
        assign(
            Assignment(tuple(setting.split(".")), None, mark), deepcopy(base), Marks(values={(): mark}), settings_class
        )
    except NoSuchSetting as error:
        return Fault(mark, path, error.message, error.hint)
    return _shared_setting(settings, {setting: None}, path, mark)


def _leave_out(tuner: dict[str, Any], path: Path) -> None:
    """Remove the setting of a tuner that holds a fault: of the space the one distribution, else as a whole."""
    name, *inner = path
    space = tuner.get("space")
    if name == "space" and inner and isinstance(space, dict):
        space.pop(inner[0], None)
    else:
        tuner.pop(str(name), None)


def _shared_setting(settings: Any, values: Mapping[str, Any], path: Path, mark: Mark) -> Fault | None:
    """Refuse a setting that all trials must share, or their scores could not be compared."""
    for setting in values:
        section, _, rest = setting.partition(".")
        reason = _SHARED.get(section)
        if section == "dataset" and not _leaves_rows(settings.dataset, rest.split(".")[0]):
            reason = "all trials are scored on the same rows and targets"
        if section == "seed" and not settings.validation.has_own_order:
            reason = "it divides the rows, and all trials are scored on the same; with a validation.seed it does not"
        if reason:
            return Fault(mark, path, f"{setting} cannot be searched: {reason}")
    return None


def _leaves_rows(source: Any, setting: str) -> bool:
    """Tell whether a setting of a dataset leaves rows and targets alone, as one does that it does not have."""
    return setting in source.of_inputs or (setting != "" and setting not in type(source).model_fields)


def _try(
    base: Mapping[str, Any],
    values: Mapping[str, Any],
    path: Path,
    mark: Mark,
    settings_class: type[Settings],
    *,
    weighed: bool,
) -> Fault | None:
    """Set values on the config; return what is wrong with the result. If `weighed`, models must have parameters."""
    data, marks = deepcopy(dict(base)), Marks()
    marks.put((), mark)
    for setting, value in values.items():
        try:
            assign(Assignment(tuple(setting.split(".")), value, mark), data, marks, settings_class)
        except NoSuchSetting as error:
            return Fault(mark, path, error.message, error.hint)
    try:
        tried: Any = settings_class.model_validate(data)
    except ValidationError as error:
        fault = messages.explain(error, data, marks, settings_class)[0]
        shown = ", ".join(show(value) for value in values.values())
        is_float = any(isinstance(value, float) for value in values.values())
        hint = "Search integers with int, logint or quniform." if is_float and "an integer" in fault.message else ""
        return Fault(mark, path, f"{shown} would be refused: {fault.message}", fault.hint or hint)
    lacking = find_lacking(tried, marks)
    if lacking:
        return Fault(mark, path, lacking[0].message, lacking[0].hint)
    if weighed and not tried.model.has_parameters and not values.keys().isdisjoint(("model", "model.kind")):
        message = f"a {tried.model.kind} model has no number of parameters, which is an objective"
        return Fault(mark, path, message, "Choose the objective latency or seconds, or leave this model out.")
    return None
