"""From a name to a class: a file in the folder, a file of yours, or a published entry point.

One file in `rankbench/losses` is one loss and `ls` is the list; `./my_loss.py` is a file of yours; an installed package
offers losses through the entry-point group `rankbench.losses` (`rankbench.backbones` for backbones). In a name, `_plus`
of the file is + and any other _ is -: `lightgcn_plus_plus.py` is `lightgcn++`, `bc_loss.py` is `bc-loss`.
"""

import ast
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal

from rankbench.errors import UserError, unknown
from rankbench.params import Configurable, Value, resolve
from rankbench.spec import Part, read_part, spell

Kind = Literal["loss", "backbone"]

_FOLDER = {"loss": "losses", "backbone": "backbones"}


def names(kind: Kind) -> list[str]:
    """Return the names of the built-in and published parts of a kind; imports none of them."""
    return sorted({*_files(kind), *_published(kind)})


@dataclass(frozen=True)
class Outline:
    """What can be read off a part's file without importing it; empty for published parts.

    Args:
        summary: the first line of its docstring.
        family: losses of one kind.
        paper: the source.
        bases: the names of the classes that it is derived from.
        folds_in: whether it says that it takes in new users, as backbones do.
        parameters: their names.
    """

    summary: str = ""
    family: str = ""
    paper: str = ""
    bases: tuple[str, ...] = ()
    folds_in: bool = False
    parameters: tuple[str, ...] = ()

    @property
    def year(self) -> str:
        """The year of the source, empty if it names none."""
        found = re.findall(r"\b(?:19|20)\d\d\b(?!\.)", self.paper)
        return found[0] if found else ""


def outline(kind: Kind, name: str) -> Outline:
    """Return the outline of a part."""
    file = _files(kind).get(name)
    classes = (
        [n for n in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(n, ast.ClassDef)] if file else []
    )
    for node in classes:
        if text := ast.get_docstring(node):
            values = {_target(n): n.value for n in node.body if isinstance(n, ast.Assign | ast.AnnAssign)}
            return Outline(
                text.splitlines()[0],
                _word(values.get("family")),
                _word(values.get("paper")),
                tuple(map(ast.unparse, node.bases)),
                _word(values.get("folds_in")) == "True",
                tuple(key for key, value in values.items() if _is_param(value)),
            )
    return Outline()


def _target(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])


def _word(value: ast.expr | None) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else ""


def _is_param(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) == "param"


def summary(kind: Kind, name: str) -> str:
    """Return the first line of a part's docstring without importing it; empty for published parts."""
    return outline(kind, name).summary


def find(kind: Kind, name: str) -> type[Configurable]:
    """Return the class that `name` stands for: a built-in name, the path of a file, or a published name.

    Raises:
        UserError: the name is unknown, or the file has no class of the kind.
    """
    if _is_path(name):
        return _only_class(kind, _load(Path(name)), name)
    if name in _files(kind):
        module = importlib.import_module(f"rankbench.{_FOLDER[kind]}.{_files(kind)[name].stem}")
        return _only_class(kind, module, name)
    if name in _published(kind):
        return _published_class(kind, name)
    raise unknown(kind, name, names(kind), f"`rankbench list {_FOLDER[kind]}` lists them.")


def kind_of(name: str) -> Kind:
    """Return whether a name, or what a file defines, is a loss or a backbone; "loss" for a file with neither.

    Raises:
        UserError: the name is unknown, or the file cannot be loaded.
    """
    if _is_path(name):
        module = _load(Path(name))
        return "backbone" if _own("backbone", module) and not _own("loss", module) else "loss"
    losses, backbones = names("loss"), names("backbone")
    if name not in losses and name not in backbones:
        raise unknown("loss or backbone", name, [*losses, *backbones], "`rankbench list` lists them.")
    return "loss" if name in losses else "backbone"


def part(kind: Kind, text: str) -> Part:
    """Return the `Part` that `text`, such as `softmax:tau=0.1`, stands for, its parameters checked and filled in."""
    owner, name, typed = read(kind, text)
    return part_of(owner, name, typed)


def read(kind: Kind, text: str) -> tuple[type[Configurable], str, dict[str, Value]]:
    """Return the class, the name and the checked parameters that `text` gives; nothing is filled in or made."""
    name, typed = read_part(text)
    owner = find(kind, name)
    return owner, name, {key: _typed_value(owner, name, key, value) for key, value in typed.items()}


def part_of(owner: type[Configurable], name: str, params: dict[str, Value]) -> Part:
    """Return the `Part` of a class under its name with the given parameters, checked and filled in."""
    path = Path(name) if _is_path(name) else None
    source = hashlib.sha256(path.read_bytes()).hexdigest() if path else ""
    values = resolve(owner, params, path.stem if path else name)
    owner(**values)  # refuses parameters that do not go together
    return Part(path.stem if path else name, tuple(sorted(values.items())), source)


def label(owner: type[Configurable], part: Part) -> str:
    """Return what one types for `part`, leaving out the parameters that have their default value."""
    changed = {key: value for key, value in part.params if value != owner.params[key].default}
    return spell(part.name, changed)


def _typed_value(owner: type[Configurable], name: str, key: str, text: str) -> Value:
    if key not in owner.params:
        raise unknown(f"parameter of {name}", key, owner.params, f"`rankbench show {name}` describes them.")
    return owner.params[key].parse(text, name)


def _is_path(name: str) -> bool:
    return name.endswith(".py") or "/" in name or "\\" in name


def _files(kind: Kind) -> dict[str, Path]:
    folder = Path(__file__).parent / _FOLDER[kind]
    return {_name_of(f): f for f in sorted(folder.glob("*.py")) if not f.stem.startswith("_")}


def _name_of(file: Path) -> str:
    return file.stem.replace("_plus", "+").replace("_", "-")


def _published(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"rankbench.{_FOLDER[kind]}")}


def _published_class(kind: Kind, name: str) -> type[Configurable]:
    try:
        found = _published(kind)[name].load()
    except Exception as error:
        raise UserError(
            f"The published {kind} {name!r} cannot be loaded: {error}.", "Reinstall its package."
        ) from error
    if isinstance(found, type) and issubclass(found, _base(kind)):
        return found
    raise UserError(f"The published {kind} {name!r} is not a {kind}.", "Tell the authors of its package.")


def _base(kind: Kind) -> type[Configurable]:
    base: type[Configurable] = getattr(importlib.import_module(f"rankbench.{_FOLDER[kind]}"), kind.capitalize())
    return base


def _own(kind: Kind, module: ModuleType) -> list[type[Configurable]]:
    """Return the classes of a kind that a module defines itself."""
    base = _base(kind)
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    ]


def _only_class(kind: Kind, module: ModuleType, name: str) -> type[Configurable]:
    base, own = _base(kind), _own(kind, module)
    if len(own) != 1:
        found = ", ".join(c.__name__ for c in own) or "none"
        raise UserError(
            f"{name} must define one {base.__name__}, found {found}.", f"See `rankbench list {_FOLDER[kind]}`."
        )
    return own[0]


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"There is no file {str(path)!r}.", "Give the path of a Python file, as in ./my_loss.py.")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    name = f"rankbench_outside_{digest}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{str(path)!r} is not a Python file.", "Give the path of a Python file, as in ./my_loss.py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path.absolute())]
        where = f" in line {lines[-1]}" if lines else ""
        raise UserError(
            f"{str(path)!r} cannot be loaded: {type(error).__name__}{where}: {error}.", "Mend the file."
        ) from error
    return module
