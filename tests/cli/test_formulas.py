"""Formulas on a terminal: those of the losses that are awkward, and what else LaTeX may hold."""

import inspect
import re
import unicodedata

import pytest

from rankbench import registry
from rankbench.cli.formulas import formula, readable
from rankbench.evaluation.metrics import METRICS


def docstring(name: str) -> str:
    kind = "loss" if name in registry.names("loss") else "backbone"
    return inspect.getdoc(registry.find(kind, name)) or ""


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("lambdaloss", "ℓ_u = (1/|P_u|) ∑_{i ∈ P_u} ∑_{k ∉ P_u} μ_ik log(1 + e^(s_k - s_i))"),
        ("infonce", "ℓ_a = -log (e^(x_aa)/(∑_b e^(x_ab)))"),
        ("infonce", "b ≠ a"),
        ("multinomial", "∑_{i ∈ P_u} log (e^(s_i)/(∑_k e^(s_k))) = |P_u| log ∑_k e^(s_k)"),
        ("full-softmax", "(U/(|D| τ)) (|P_u| p_k - [k ∈ P_u])"),
        ("full-softmax", "ℓ_u = (U/|D|) ∑_{i ∈ P_u} [log ∑_k e^(s_k/τ) - s_i/τ]"),
        ("talos", "∑_{i ∈ P_u} ρ(s_i - β_u) + ((M - |P_u|)/N) ∑_j ρ(s_j - β_u)"),
        ("talos", "ρ(x) = (1 - K/M) [x]₊ + (K/M) [-x]₊"),
        ("lightgcn", "E = (1/(L + 1)) ∑_{l=0}^L E^(l), A_ui = 1/√(|P_u| |P_i|)"),
        ("directau", "ℓ_a = |x_a - y_a|² + (γ/2) (U(x) + U(y))"),
        ("directau", "U(z) = log mean_{a < b} e^(-2 |z_a - z_b|²)"),
        ("adap-tau", "1/τ₀ = log [|U'| M / (2 |D'|)] / [mean_D' s_i - mean_U' mean_k s_k]"),
        ("bce", "w₊ log(1 + e^(-s_i)) + w₋ c ∑_j log(1 + e^(s_j))"),
        ("cml", "w = log(1 + ⌊I V/N⌋)"),
        ("song", "c = M / [log₂²(1 + M v) (1 + M v) ln 2]"),
        ("song", "τ₂ = 10⁻⁴"),
        ("llpauc", "ℓ⁻_j = (f_j - b)² + 2 (1 + γ) f_j"),
        ("guidedrec", "Z Zᵀ"),
        ("sogclr", "∂ℓ / ∂s_j = e^(s_j/τ) / (N τ g_u)"),
        ("psl", "ℓ = log ∑_j σ(δ_j)^(1/τ)"),
        ("softmax", "log(1 + e^ℓ)"),
        ("mf", "s(u, i) = ⟨p_u, q_i⟩"),
    ],
)
def test_awkward_formulas_of_the_losses(name, shown):
    assert shown in readable(docstring(name), 10_000)


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        (r"\frac{a + b}{c}", "(a + b)/c"),
        (r"\frac{a}{b + c}", "a/(b + c)"),
        (r"\frac{a}{b c}", "a/(b c)"),
        (r"\frac{1}{2\tau}", "1/(2τ)"),
        (r"\frac{-a}{b}", "-a/b"),
        (r"\frac{(a + b)}{(c + d)}", "(a + b)/(c + d)"),
        (r"\frac{a}{\frac{b}{c}}", "a/(b/c)"),
        (r"\frac{\frac{a}{b}}{c}", "(a/b)/c"),
        (r"\frac{1}{N} \sum_j x_j", "(1/N) ∑_j x_j"),
        (r"x \frac{1}{N}", "x (1/N)"),
        (r"\frac{x}{2} + \frac{y}{|z|}", "x/2 + y/|z|"),
        (r"\frac{\partial \ell}{\partial s_j}", "∂ℓ/∂s_j"),
        (r"\frac12 x", "(1/2) x"),
        (r"\sqrt{\frac{a+b}{c}}", "√((a+b)/c)"),
        (r"e^{-\frac{x}{2}}", "e^(-x/2)"),
        (r"\|x_u - x_i\|^2", "‖x_u - x_i‖²"),
        (r"\alpha \log \theta \ne \argmax_j \operatorname{mean}_k x", "α log θ ≠ argmax_j mean_k x"),
        (r"x^{y^{z}}_{u_i} s_{j,k}", "x^(y^z)_{u_i} s_{j,k}"),
        (r"\hat r \bar{x} \mathrm{mean}\, e", "r̂ x̅ mean e"),
        (r"\left[ x \right]_+ \quad \text{for all } i", "[ x ]₊ for all i"),
        ("a =\n    -1/b", "a = -1/b"),
    ],
)
def test_what_latex_may_hold(latex, shown):
    assert unicodedata.normalize("NFC", formula(latex)) == unicodedata.normalize("NFC", shown)


def test_formulas_stand_in_their_sentence():
    assert readable(r"a $\ell = \log \sum_j \exp(d_j / \tau)$ b", 80) == "a ℓ = log ∑_j exp(d_j / τ) b"


@pytest.mark.parametrize("name", [*registry.names("loss"), *registry.names("backbone")])
def test_nothing_of_latex_is_left_and_lines_fit(name):
    text = readable(docstring(name), 80)
    assert not re.search(r"\\|\$|[\ue000-\uf8ff]|\^\{|\N{NO-BREAK SPACE}", text)
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("(") == text.count(")")


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_too(metric):
    text = readable(inspect.getdoc(METRICS[metric]) or "", 80)
    assert not re.search(r"\\|\$|[\ue000-\uf8ff]", text)


def test_paragraphs_are_filled_and_items_and_sections_keep_their_lines():
    text = "One line\nand another.\n\n- `a`: first\n  goes on;\n- `b`: second.\n\nRaises:\n    UserError: no."
    assert readable(text, 80) == (
        "One line and another.\n\n- `a`: first goes on;\n- `b`: second.\n\nRaises:\n    UserError: no."
    )
    assert readable("- one two three", 9) == "- one two\n  three"


def test_short_formulas_are_not_broken():
    filled = readable(r"Some words before $d_j = s_j - s_i$ and after.", 28)
    assert filled.splitlines() == ["Some words before", "d_j = s_j - s_i and after."]
