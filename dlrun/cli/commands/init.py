"""`dlrun init`: write a commented config to begin with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dlrun.cli.completion import complete_template
from dlrun.cli.options import Json
from dlrun.cli.output import Output, table
from dlrun.cli.templates import Template, templates
from dlrun.errors import StorageError, UsageError

EXAMPLES = ("dlrun init csv-classification --output titanic.yaml",)


def init(
    template: Annotated[
        str,
        typer.Argument(metavar="TEMPLATE", help="What to begin with.", autocompletion=complete_template),
    ] = "quickstart",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write the config.")] = Path(
        "config.yaml"
    ),
    listing: Annotated[bool, typer.Option("--list", help="List the templates and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    json: Json = False,
) -> None:
    """Write a commented config to begin with."""
    out = Output(json=json)
    known = templates()
    if listing:
        for line in table(["template", "what for"], [[one.name, one.title] for one in known]):
            out.say(line)
        if json:
            out.result({"templates": [{"name": one.name, "title": one.title} for one in known]})
        return
    chosen = _named(known, template)
    _write(output, chosen.text, force=force)
    out.say(f"{output}: {chosen.title}")
    out.say(f"Next: dlrun check {output}" if output != Path("config.yaml") else "Next: dlrun check, then dlrun train")
    if json:
        out.result({"template": chosen.name, "path": output.absolute()})


def _named(known: list[Template], name: str) -> Template:
    for one in known:
        if one.name == name:
            return one
    import difflib

    names = [one.name for one in known]
    near = difflib.get_close_matches(name, names, n=1)
    remedy = f"Did you mean '{near[0]}'? " if near else ""
    raise UsageError(f"there is no template '{name}'", remedy=f"{remedy}Known: {', '.join(names)}.")


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write a new file as a whole or not at all; with `force`, replace one."""
    from dlrun.base.files import write_bytes

    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} exists already", remedy="Choose another --output, or --force to overwrite it.")
    try:
        write_bytes(path, text.encode())
    except StorageError as error:
        raise StorageError(error.message, remedy="Choose another --output.") from error
