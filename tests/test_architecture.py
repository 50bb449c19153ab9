"""Imports run downwards only, read from the source: a layer knows those below it and none above."""

import ast
from pathlib import Path

import pytest

import rankbench

ROOT = Path(rankbench.__file__).parent
LAYERS = [
    {"errors"},
    {"params", "lazy", "randomness", "memory", "drawing", "device", "rerank", "triton_trial", "tables", "tables.form"},
    {"spec", "parallel", "instructions", "prefetch", "processes"},
    {"data.interactions", "data.progress", "data.toml_table", "data.filter", "data.protocol", "data.sources"},
    {"data.catalog_raw", "data.dataset"},
    {"data.catalog", "losses", "backbones", "rowwise", "rowwise.*", "minimax", "rows_on"},
    {
        "registry",
        "sampling",
        "sampling.*",
        "sparse",
        "sparse_side",
        "triton_product",
        "scoring",
        "scoring.*",
        "losses.*",
        "backbones.*",
        "tables.*",
    },
    {"gradient.*", "gradient"},
    {"data.*", "evaluation.*", "evaluation"},
    {"training.*", "training"},
    {"results.store", "results.documents", "results.measured", "results"},
    {"runner", "explanation", "results.*"},
    {
        "plan",
        "search",
        "finalists",
        "published",
        "published.*",
        "report.*",
        "report",
        "speed.*",
        "speed",
        "doctor",
        "contract.*",
        "contract",
    },
    {"cli.*", "cli", "__main__"},
]
SOURCES = sorted(ROOT.rglob("*.py"))
BARRED = {
    "rich": ("cli",),
    "typer": ("cli",),
    "polars": ("cli", "data", "results", "report"),
    "httpx": ("data",),
    "matplotlib": ("drawing", "gradient", "report"),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def level(module: str) -> int:
    for number, layer in enumerate(LAYERS):
        if module in layer:
            return number
    for number, layer in enumerate(LAYERS):
        if any(pattern.endswith(".*") and module.startswith(pattern[:-1]) for pattern in layer):
            return number
    raise AssertionError(f"{module} has no layer: give it one")


def imported(path: Path) -> list[str]:
    """Return all modules that a file imports, also inside functions, but not those only for annotations."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if name_of(p)], ids=name_of)
def test_imports_run_downwards(path):
    here = name_of(path)
    modules = {name_of(p) for p in SOURCES}
    for name in imported(path):
        module = name.removeprefix("rankbench.")
        if name.startswith("rankbench.") and module in modules and module != here:
            assert level(module) <= level(here), f"{here} imports {module}, which lies above it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: name_of(p) or "rankbench")
def test_libraries_stay_in_their_rooms(path):
    room = name_of(path).split(".")[0]
    for name in imported(path):
        library = name.split(".")[0]
        assert library not in BARRED or room in BARRED[library], f"{name_of(path)} imports {library}"
