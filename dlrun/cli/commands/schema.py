"""`dlrun schema`: what a config may hold, for editors and for people."""

from __future__ import annotations

from typing import Annotated

import typer

from dlrun.cli.options import Json
from dlrun.cli.output import Output

EXAMPLES = (
    "dlrun schema > dlrun.schema.json",
    "sed -i '1i # yaml-language-server: $schema=dlrun.schema.json' config.yaml",
)


def schema(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference page instead.")] = False,
    json: Json = False,
) -> None:
    """Print what a config may hold, as JSON Schema.

    Editors complete and check configs with it; most look for its name in the first line of the config.
    """
    from dlrun.config.reference import reference
    from dlrun.config.schema import json_schema
    from dlrun.experiment.experiment import Experiment

    out = Output(json=json)
    if not markdown:
        out.result(json_schema(Experiment))
    elif json:
        out.result({"markdown": reference(Experiment)})
    else:
        out.text(reference(Experiment))
