"""`rankbench speed`: how fast the engine is on this machine, against plain torch and against the machine's limits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from rankbench.cli.places import Device

if TYPE_CHECKING:
    from rich.status import Status

    from rankbench.speed.benchmark import Request


def speed(
    size: Annotated[
        str, typer.Option("--size", "-s", help="Sizes: S (1,974 x 1,200), M (13,455 x 8,360), L (29,858 x 40,988).")
    ] = "S,M,L",
    loss: Annotated[
        str, typer.Option("--loss", "-l", help="Losses: the first is timed against torch, the others against it.")
    ] = "softmax,dsl:lambda_similarity=-0.25",
    backbone: Annotated[str, typer.Option("--backbone", "-b", help="What the steps train.")] = "mf",
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            "-p",
            help="What to measure; or data: splits of a made-up file of 700 MB; or jobs: trainings side by side.",
            show_default="step,evaluate,sampling,graph,scaling; on a GPU jobs, too",
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="What to measure: the CPU, or a GPU.")] = Device.cpu,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the engine and of torch; all if left out.")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Rounds to take medians of; slow baselines have 3 at most.")] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the speed of every stage on made-up data: medians, beside the same in plain torch; about two minutes."""
    from rankbench.speed.sizes import read_sizes

    sizes = read_sizes(size)  # before torch is loaded, which takes seconds
    from rankbench.device import device_of
    from rankbench.parallel import available_threads
    from rankbench.speed.benchmark import Request, read_backbone, read_losses, read_parts

    where = device_of(device.value)
    parts, threads = read_parts(part, where), threads or available_threads()
    asked = Request(read_losses(loss), read_backbone(backbone), sizes, parts, threads, repeat, device=where)
    show(asked, json)


def show(request: Request, json: bool) -> None:
    """Measure what is asked for, progress on stderr, and print tables part by part, or one JSON document."""
    from rankbench.cli.console import notes, results
    from rankbench.cli.speed_gpu_tables import draw_gpu, draw_part
    from rankbench.cli.speed_tables import draw, draw_machine
    from rankbench.speed.benchmark import Doing, Done, Limits, measure

    console, told, on_gpu = results(), notes(), request.device.type != "cpu"
    with told.status("") as status:
        measuring = measure(request)
        while True:
            try:
                event = next(measuring)
            except StopIteration as end:
                document = end.value
                break
            match event:
                case Doing(text):
                    status.update(text)
                    if not told.is_terminal:
                        told.print(text, markup=False)
                case Limits(machine, found) if not json:
                    with _without(status):
                        best = found
                        (draw_gpu if on_gpu else draw_machine)(console, request, machine, found)
                case Done(part, found) if not json:
                    with _without(status):
                        if on_gpu:
                            draw_part(console, request, part, best, found)
                        else:
                            draw(console, request, part, found)
    if json:
        import json as writer

        typer.echo(writer.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


@contextmanager
def _without(status: Status) -> Iterator[None]:
    """Take the progress away while results are printed: both consoles may be one terminal."""
    status.stop()
    yield
    status.start()
