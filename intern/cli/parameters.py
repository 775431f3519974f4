"""Parameters that several subcommands take."""

from pathlib import Path
from typing import Annotated

import typer

Keys = Annotated[list[str], typer.Argument(metavar="KEY=VALUE", hidden=True)]
SomeKeys = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", hidden=True)]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--config-dir", "-cd", metavar="DIR", help="A further folder of configs: DIR/goal/NAME.yaml."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
