"""The page: whole without a network, safe whatever names are in it, and alive in a real browser."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from rankbench.report.page.document import page_of
from rankbench.report.sections import sections_of
from rankbench.results.compare_runs import read_runs
from rankbench.results.leaderboard import Query
from rankbench.results.sound import Fault

pytest.importorskip("matplotlib")
pytest_plugins = ("report.page_cases",)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr"),
)


@pytest.fixture(scope="module")
def page(busy_store):
    sections = sections_of(read_runs(busy_store), Query())
    fault = Fault(busy_store.root / "0123456789ab", "spec.json is missing")
    return page_of(sections.found, ("shop, split x: <left> out.",), (fault,))


class Outline(HTMLParser):
    """Elements with their attributes, and what is left open."""

    VOID = ("meta", "link", "input", "br", "wbr", "path", "use", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_every_element_is_closed_and_nothing_comes_from_elsewhere(page):
    for tag, attributes in outline(page).found:
        for name in ("src", "href", "xlink:href", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, value)
    assert not re.search(r"@import|url\((?!#)", page)


def test_identifiers_are_there_once_and_links_lead_somewhere(page):
    found = outline(page).found
    identifiers = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    links = [attributes["href"][1:] for tag, attributes in found if tag == "a"]
    assert links == ["shop-iid", "shop-shift"]
    assert set(links) <= set(identifiers)


def test_names_are_text_and_never_markup(page):
    assert "<b>&\"'" not in page
    assert "&lt;b&gt;&amp;&quot;&#x27;" in page
    assert "&lt;left&gt; out." in page


def test_it_has_all_that_it_promises(page, busy_store):
    for part in ("prefers-color-scheme: dark", 'id="filter"', 'id="theme"', "Left out: 0123456789ab, spec.json"):
        assert part in page
    assert page.count("<figure>") == 9
    for run in busy_store.runs():
        assert f"Run {run.id}, seed" in page
    assert "rankbench run --dataset shop --split shift --backbone mf --loss dsl:tau=0.1 --seed 1" in page
    assert "the loss became nan" in page


def test_the_same_runs_give_the_same_page(page, busy_store):
    sections = sections_of(read_runs(busy_store), Query())
    fault = Fault(busy_store.root / "0123456789ab", "spec.json is missing")
    assert page == page_of(sections.found, ("shop, split x: <left> out.",), (fault,))


WATCH = """<script>
window.seen = [];
for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"])
  window.addEventListener(kind, (event) => window.seen.push(kind + ": " + (event.message || event.violatedDirective)));
for (const level of ["error", "warn"]) console[level] = (...words) => window.seen.push(level + ": " + words.join(" "));
</script>"""

ACT = """<script>
window.addEventListener("load", () => {
  const section = document.getElementById("shop-shift"), table = section.querySelector("table");
  const lines = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].innerText);
  const column = (i) => [...table.tBodies[0].rows].map((row) => row.cells[i].dataset.value ?? null);
  const heads = [...table.querySelectorAll("thead tr:last-child th")], click = (i) => heads[i].firstChild.click();
  const colours = () => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color];
  const result = { before: lines(), width: document.documentElement.scrollWidth, room: window.innerWidth };
  click(2); result.down = column(2); result.sorted = heads[2].ariaSort;
  click(2); result.up = column(2); result.turned = heads[2].ariaSort;
  click(0); result.names = lines(); result.unsorted = heads[2].ariaSort;
  const filter = document.getElementById("filter");
  const type = (text) => { filter.value = text; filter.dispatchEvent(new Event("input")); };
  type("dsl light"); result.filtered = lines(); result.dimmed = section.classList.contains("dimmed");
  result.lit = section.querySelectorAll(".figures .series.on").length;
  result.runs = [...section.querySelectorAll(".runs")].filter((runs) => !runs.hidden).length;
  type(""); result.restored = lines().length; result.undimmed = !section.classList.contains("dimmed");
  table.tBodies[0].rows[0].dispatchEvent(new Event("pointerenter"));
  result.pointed = section.classList.contains("dimmed");
  result.colours = colours(); document.getElementById("theme").click(); result.toggled = colours();
  result.theme = document.documentElement.dataset.theme; result.seen = window.seen;
  document.documentElement.dataset.result = JSON.stringify(result);
});
</script>"""


@pytest.fixture(scope="module", params=[(390, "light"), (1280, "dark")], ids=["phone", "desktop"])
def visit(request, page, tmp_path_factory):
    """Load the page in a browser, act on it, and return what came of it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed")
    folder = tmp_path_factory.mktemp("visit")
    acting = page.replace("<head>", f"<head>{WATCH}", 1).replace("</body>", f"{ACT}</body>", 1)
    (folder / "page.html").write_text(acting, encoding="utf-8")
    width, theme = request.param
    scheme = f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}"
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", scheme]
    done = subprocess.run(
        [*command, "--dump-dom", f"file://{folder / 'page.html'}"], capture_output=True, text=True, timeout=120
    )
    found = re.search(r'data-result="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(found[1].replace("&quot;", '"').replace("&amp;", "&")), theme, console


def test_it_loads_without_an_error(visit):
    result, _, console = visit
    assert (result["seen"], console) == ([], [])


def test_it_fits_the_screen(visit):
    result, _, _ = visit
    assert result["width"] <= result["room"]


def test_a_click_on_a_head_sorts(visit):
    result, _, _ = visit
    down, up = ([None if value is None else float(value) for value in result[key]] for key in ("down", "up"))
    assert down == [*sorted(filter(None, down), reverse=True), None]
    assert up == [*sorted(filter(None, up)), None]
    assert (result["sorted"], result["turned"], result["unsorted"]) == ("descending", "ascending", "none")
    assert result["names"] == sorted(result["names"], key=str.lower)
    assert sorted(result["names"]) == sorted(result["before"]) != result["before"]


def test_a_word_in_the_filter_leaves_its_lines(visit):
    result, _, _ = visit
    assert result["filtered"] == ["dsl:tau=0.1"]
    assert (result["dimmed"], result["undimmed"], result["pointed"]) == (True, True, True)
    assert result["lit"] > 0
    assert result["runs"] == 1
    assert result["restored"] == len(result["before"]) == 11


def test_it_is_light_or_dark_as_the_system_and_then_as_the_button_says(visit):
    result, theme, _ = visit
    light, dark = ["rgb(255, 255, 255)", "rgb(27, 31, 36)"], ["rgb(20, 23, 26)", "rgb(231, 234, 238)"]
    assert result["colours"] == (light if theme == "light" else dark)
    assert result["toggled"] == (dark if theme == "light" else light)
    assert result["theme"] == ("dark" if theme == "light" else "light")
