"""The forms of the lines of a journal: a study may come from anywhere, and a damaged value must not reach a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dlrun.records.folder import check_id
from dlrun.studies.state.trial import State

Count = Annotated[int, Field(ge=0, lt=2**63)]
RunId = Annotated[str, AfterValidator(check_id)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, defer_build=True)


class _Begun(_Form):
    mode: Literal["min", "max"]
    others: dict[str, Literal["min", "max"]]


class _Asked(_Form):
    trial: Count
    point: dict[str, Any]
    overrides: dict[str, Any]


class _AskedAgain(_Form):
    trial: Count
    attempt: Count
    to_the_end: bool


class _Reported(_Form):
    trial: Count
    epoch: Count
    value: Finite | None


class _Outcome(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    state: State
    value: Finite | None = None
    run: RunId | None = None
    reason: str | None = None
    epochs: Count | None = None
    seconds: Finite | None = None
    others: dict[str, Finite] = Field(default_factory=dict)


class _Told(_Form):
    trial: Count
    outcome: _Outcome
    last_epoch: Count
    then: str
    stopped: str | None = None


_FORMS: dict[str, type[_Form]] = {
    "study": _Begun,
    "asked": _Asked,
    "again": _AskedAgain,
    "reported": _Reported,
    "told": _Told,
}


def fault_of(event: Mapping[str, Any]) -> str:
    """Say what is wrong with the form of a line; empty if nothing is.

    Args:
        event: A line with the name of its event; one of an unknown name has any form.
    """
    form = _FORMS.get(event["event"])
    if form is None:
        return ""
    try:
        form.model_validate(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    return ""
