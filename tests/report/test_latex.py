"""Tables as LaTeX: their structure, and that LaTeX takes them where it is installed."""

import re
import shutil
import subprocess

import pytest

from fake_runs import store_run
from rankbench.report.latex import latex_of
from rankbench.report.leaderboard import table_of
from rankbench.report.shift import recall_tables, tables_of
from rankbench.report.table import Cell, Column, Table, mark_best
from rankbench.results.compare import compare
from rankbench.results.compare_runs import read_runs
from rankbench.results.compare_shift import compare_shift
from rankbench.results.leaderboard import Query
from rankbench.results.store import Store


@pytest.fixture
def tables(tmp_path):
    store = Store(tmp_path / "runs")
    for i, (loss, params) in enumerate((("softmax", {}), ("dsl", {"tau_std": 0.2}), ("bpr", {}))):
        for seed in range(2):
            ndcg = {"iid": 0.1 + 0.01 * i + 0.001 * seed, "popularity": 0.05}
            store_run(store, loss, seed, params=params, protocol="shift", ndcg=ndcg, hits=(5, 4, 3, 2, i))
    store_run(store, "psl", protocol="shift", diverged="the loss became nan")
    runs = read_runs(store)
    (board,), (shift,) = compare(runs, Query()).leaderboards, compare_shift(runs, Query()).tables
    return [table_of(board), *tables_of(shift), *recall_tables(shift)]


def test_the_best_is_bold_and_the_second_best_underlined(tables):
    text = latex_of(tables[0])
    assert r"\textbf{0.1205} {\scriptsize $\pm$ 0.0007}" in text
    assert r"\underline{0.1105} {\scriptsize $\pm$ 0.0007}" in text
    assert len(re.findall(r"\\textbf|\\underline", text)) == 2 + 3  # Recall@20: all three are the best


def floats(text: str) -> list[str]:
    return re.findall(r"\\begin\{table\*?\}.*?\\end\{table\*?\}", text, flags=re.DOTALL)


def test_every_row_has_as_many_cells_as_its_part_of_the_table_has_columns(tables):
    for table in tables:
        parts = floats(latex_of(table))
        labels = [re.findall(r"\\label\{(.*)\}", part)[0] for part in parts]
        assert len(set(labels)) == len(parts)
        taken = 0
        for text in parts:
            assert text.count("{") == text.count("}")
            (columns,) = re.findall(r"\\begin\{tabular\}\{([lr]+)\}", text)
            taken += len(columns) - 2
            body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
            rows = [row for row in body.strip().splitlines() if row.strip()]
            assert len(rows) == len(table.rows)
            assert {row.count(" & ") for row in rows} == {len(columns) - 1}
            assert all(row.endswith(r"\\") for row in rows)
            assert text.index(r"\caption") < text.index(r"\label") < text.index(r"\toprule")
        assert taken == len(table.columns) - 2


def test_a_table_wider_than_a_page_is_cut_by_what_matters(tables):
    first, second = floats(latex_of(tables[1]))
    head = first.split(r"\toprule")[1].splitlines()[3]
    assert head.strip().startswith(r"loss & backbone & NDCG@20 & gain & NDCG@20 & gain & kept")
    assert "seeds & tried" in second
    assert second.count("dsl:tau") == 1  # the names of the lines again
    assert "continued." in second
    narrow = floats(latex_of(tables[2]))
    assert len(narrow) == 1


def test_what_stands_above_several_columns_spans_them():
    columns = (
        Column("loss", number=False),
        *(Column("x", above=test) for test in ("iid", "iid", "popularity")),
        Column("y"),
    )
    text = latex_of(Table("t", columns, ((Cell("a"),) * 5,)))
    assert r" & \multicolumn{2}{c}{iid} & \multicolumn{1}{c}{popularity} &  \\" in text
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-4}" in text


def test_the_caption_says_test_split_selection_seeds_and_budget(tables):
    (caption,) = re.findall(r"\\caption\{(.*)\}", latex_of(tables[0]))
    for part in (r"Test \texttt{iid} of split shift", r"validation set \texttt{iid}", "seeds", r"\texttt{tried}"):
        assert part in caption
    assert "psl on mf diverged: the loss became nan" in caption


def test_what_means_something_to_latex_is_escaped():
    cells = (Cell("a_b%$#{}~^\\<>|"), Cell("-0.4%"), Cell())
    text = latex_of(Table("50 % & more_of it", (Column("x_1", number=False), Column("γ"), Column("z")), (cells,)))
    row = text.split(r"\midrule")[1].splitlines()[1].strip()
    assert row == (
        r"a\_b\%\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\textgreater{}\textbar{}"
        r" & $-$0.4\% & -- \\"
    )
    assert r"\caption{50 \% \& more\_of it.}" in text
    assert r"\label{tab:50-more-of-it}" in text


@pytest.mark.parametrize(
    ("values", "best", "second"),
    [
        ((3.0, 1.0, 2.0), [0], [2]),
        ((3.0, 3.0, 2.0), [0, 1], [2]),
        ((3.0, None, 3.0), [0, 2], []),
        ((3.0, None, None), [], []),
    ],
)
def test_who_is_best_and_second(values, best, second):
    cells = [row[0] for row in mark_best([[Cell("x", value=value)] for value in values])]
    assert [i for i, cell in enumerate(cells) if cell.best] == best
    assert [i for i, cell in enumerate(cells) if cell.second] == second


def test_latex_takes_them(tables, tmp_path):
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("LaTeX is not installed")
    document = "\n".join(
        [
            r"\documentclass[twocolumn]{article}\usepackage[T1]{fontenc}\usepackage{booktabs}",
            r"\usepackage[textwidth=506pt]{geometry}\begin{document}",
            *map(latex_of, tables),
            r"\end{document}",
        ]
    )
    (tmp_path / "a.tex").write_text(document, encoding="utf-8")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if "sty' not found" in done.stdout:
        pytest.skip("LaTeX has no booktabs, or no geometry")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
