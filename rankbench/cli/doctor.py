"""`rankbench doctor`: what this machine has, and by which route each stage of a run goes here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from rankbench.doctor import Diagnosis


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show versions, devices, whether Triton works, and how each stage of a run is done here and why."""
    from rankbench.doctor import diagnose

    found = diagnose()
    if json:
        import json as writer

        typer.echo(writer.dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    from rankbench.cli.console import results

    console = results()
    console.print(_machine(found))
    console.print()
    console.print(_routes(found))
    for problem in found.problems:
        console.print(f"\n{problem}", style="yellow", markup=False)


def _machine(found: Diagnosis) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    own = {name: number or "not installed" for name, number in found.versions.items()}
    first = (own.pop("rankbench"), own.pop("python"))
    table.add_row("rankbench", f"{first[0]}, Python {first[1]}")
    table.add_row("packages", ", ".join(f"{name} {number}" for name, number in own.items()))
    table.add_row("system", found.system)
    table.add_row("processor", f"{found.cpu}, {found.threads} threads")
    for name, text in _gpu(found).items():
        table.add_row(name, text)
    return table


def _gpu(found: Diagnosis) -> dict[str, str]:
    from rankbench.doctor import memory_of

    if not found.gpu:
        return {"GPU": f"none that runs can use: {found.without_gpu}"}
    gpu = found.gpu
    others = f"; {gpu.count} devices, runs take the first" if gpu.count > 1 else ""
    return {
        "GPU": f"{gpu.name}, compute capability {gpu.capability}{others}",
        "memory": memory_of(gpu),
        "driver": f"{found.driver or 'unknown'}; torch is built for CUDA {found.built_for}",
        "Triton": f"does not run: {found.without_triton}" if found.without_triton else "a kernel was compiled and run",
    }


def _routes(found: Diagnosis) -> Table:
    from rich.table import Table

    title = f"What `--device auto` takes here: {found.device}"
    table = Table(
        "stage", "route", "why", box=None, pad_edge=False, title=title, title_justify="left", title_style="bold"
    )
    for route in found.routes:
        table.add_row(route.stage, route.route, route.why)
    return table
