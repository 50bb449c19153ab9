"""`rankbench new-backbone NAME`: a backbone of one's own to begin with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from rankbench.cli.new_part import tell, write_part


def new_backbone(
    name: Annotated[
        str, typer.Argument(help="Its name, as in my-backbone: writes my_backbone.py with the class MyBackbone.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="PATH", help="File or folder to write; here if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a working backbone to begin with, with comments; nothing is overwritten."""
    from rankbench.contract.template import named, text_of

    names = named(name, "backbone")
    path = write_part("backbone", names.file, out, lambda stem: text_of("backbone", replace(names, file=stem)))
    tell(
        path,
        f"Wrote the class {names.owner}, which gives vectors of users and items.",
        "rankbench run --backbone {path},mf --loss softmax",
    )
