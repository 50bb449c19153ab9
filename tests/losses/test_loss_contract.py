"""What every built-in loss promises, whatever it computes."""

import inspect

import pytest
import torch
from loss_cases import ALL, VARIANTS, batch, build, case, crosses_examples, exempt, gradients, moved, of, rows
from torch.testing import assert_close

import naive
from rankbench import registry
from rankbench.errors import UserError
from rankbench.losses import ListLoss, Loss, VectorLoss
from rankbench.params import show

each_variant = pytest.mark.parametrize("text", ALL)
each_loss = pytest.mark.parametrize("name", registry.names("loss"))
SAMPLED = [
    name for name in registry.names("loss") if not issubclass(registry.find("loss", name), ListLoss | VectorLoss)
]


def cold(text: str) -> Loss:
    """The variant with every temperature at 0.01, the lowest that is published."""
    loss = build(text)
    temperatures = [name for name in loss.params if name.startswith("tau")]
    for name in temperatures:
        setattr(loss, name, 0.01)
    return loss


@pytest.mark.parametrize("name", SAMPLED)
def test_has_a_naive_reference_and_variants(name):
    assert name in naive.LOSS
    assert VARIANTS[name][0] == name
    assert all(text.startswith(name) for text in VARIANTS[name])


@each_variant
@pytest.mark.parametrize("shape", [(6, 7), (5, 1), (1, 4), (1, 1)])
def test_equals_the_naive_loops(text, shape):
    loss = build(text)
    for seed in range(5):
        s = batch(seed, *shape)
        want = naive.LOSS[text.partition(":")[0]](case(s, loss), loss.values(), case(s, loss))
        assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@each_variant
def test_gradient_equals_finite_differences_of_the_naive_loops(text):
    loss, s = build(text), batch(3, 4, 5)
    pos, neg = naive.gradient(text.partition(":")[0], case(s, loss), loss.values())
    got_pos, got_neg = gradients(loss, s)
    assert_close(got_pos / 4, torch.tensor(pos, dtype=torch.float64), rtol=1e-6, atol=1e-7)
    assert_close(got_neg / 4, torch.tensor(neg, dtype=torch.float64), rtol=1e-6, atol=1e-7)


def with_all_gradients(text: str) -> bool:
    """Whether nothing in a loss is detached, so that its gradient is its derivative."""
    return not text.startswith("dsl") and "detach_weight" not in text and not exempt("gradcheck", text)


@pytest.mark.parametrize("text", [t for t in ALL if with_all_gradients(t)])
def test_gradcheck(text):
    loss, s = build(text), batch(4, 4, 5)

    def value(pos, neg):
        return loss(of_leaves(pos, neg, s))

    assert torch.autograd.gradcheck(value, (s.pos, s.neg))


def of_leaves(pos, neg, s):
    made = rows(s, slice(None))
    made.pos, made.neg = pos, neg
    return made


@each_variant
def test_falls_when_a_positive_rises_and_rises_when_a_negative_does(text):
    loss = build(text)
    for seed in range(10):
        pos, neg = gradients(loss, batch(seed))
        # SL@K's weight is not detached: a positive far from the top K may be pushed down. test_slatk states when.
        if (not text.startswith("slatk") or "detach_weight=true" in text) and not exempt("positive falls", text):
            assert (pos < 0).all()
        if exempt("negatives rise", text):
            continue
        assert (neg >= 0).all()
        assert (neg.sum(dim=1) > 0).all()


@each_variant
@pytest.mark.parametrize("signs", [(1, -1), (-1, 1), (1, 1), (-1, -1), (0, 1)])
def test_is_finite_at_scores_of_ten_thousand_and_temperature_a_hundredth(text, signs):
    loss, s = cold(text), batch(0, 6, 9, dtype=torch.float32)
    pos, neg = (torch.full_like(x, 1e4 * sign) for x, sign in zip((s.pos, s.neg), signs, strict=True))
    pos[0], neg[:, 0] = s.pos[0].detach(), s.neg[:, 0].detach()
    s = of(pos, neg, user=s.user, similarity=s.similarity)
    assert loss(s).isfinite().all()
    assert all(g.isfinite().all() for g in gradients(loss, s))


@each_variant
@pytest.mark.parametrize("shape", [(6, 7), (5, 1), (1, 1)])
def test_is_finite_where_float32_cosines_are_extreme(text, shape):
    loss, (B, N) = cold(text), shape
    for pos, neg in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (1.0000001, -1.0000001), (0.0, 0.0)]:
        s = of(torch.full((B,), pos), torch.full((B, N), neg))
        assert loss(s).isfinite().all()
        assert all(g.isfinite().all() for g in gradients(loss, s))


@each_variant
def test_negatives_that_are_all_equal_share_alike(text):
    loss, s = build(text), batch(1)
    s = of(s.pos, s.neg[:, :1].expand_as(s.neg), user=s.user)
    want = naive.LOSS[text.partition(":")[0]](case(s, loss), loss.values(), case(s, loss))
    assert_close(loss(s), torch.tensor(want, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    if exempt("equal negatives share alike", text):
        return
    neg = gradients(loss, s)[1]
    assert_close(neg, neg.mean(dim=1, keepdim=True).expand_as(neg))


@each_variant
def test_the_order_of_the_negatives_does_not_matter(text):
    if exempt("order of the negatives", text):
        pytest.skip("a loss on the order in which they are drawn")
    loss, s = build(text), batch(2)
    order = torch.randperm(s.neg.shape[1], generator=torch.Generator().manual_seed(0))
    items = {"pos_item": s.pos_item, "neg_item": s.neg_item[:, order]}
    shuffled = of(s.pos, s.neg[:, order], user=s.user, similarity=s.similarity[:, order], **items)
    assert_close(loss(shuffled), loss(s), rtol=1e-12, atol=1e-12)
    assert_close(gradients(loss, shuffled)[1], gradients(loss, s)[1][:, order], rtol=1e-9, atol=1e-12)


@each_variant
def test_a_batch_is_its_halves_unless_the_loss_looks_across_examples(text):
    loss, s = build(text), batch(5, 8)
    halves = torch.cat([loss(rows(s, slice(0, 4))), loss(rows(s, slice(4, 8)))])
    if crosses_examples(loss) or exempt("halves", text):
        assert (loss(s) - halves).abs().max() > 1e-6
        assert "share a batch" in (inspect.getdoc(type(loss)) or "")
    else:
        assert_close(halves, loss(s), rtol=1e-12, atol=1e-12)


@each_variant
def test_a_divisible_loss_may_be_given_in_pieces(text):
    loss, s = build(text), batch(5, 8)
    if not loss.divisible:
        assert crosses_examples(loss) or exempt("divisible", text)
        return
    pieces = []
    for start, stop in ((0, 3), (3, 8)):
        piece = rows(s, slice(start, stop))
        piece.rows = slice(start, stop)
        pieces.append(piece)
    measures = [loss.measure(piece) for piece in pieces]
    for piece in pieces:
        piece.measured = None if measures[0] is None else loss.settle(s.user, s.pos_item, torch.cat(measures).detach())
    assert_close(torch.cat([loss(piece) for piece in pieces]), loss(s), rtol=1e-12, atol=1e-12)


@each_variant
def test_is_the_log_sum_exp_that_it_says_it_is(text):
    loss, s = build(text), batch(1, 6, 30)
    exponent = loss.as_log_sum_exp(s)
    if exponent is None:
        return
    beta, offset = exponent
    gap = (s.neg - s.pos[:, None]) * (beta[:, None] if isinstance(beta, torch.Tensor) else beta)
    assert_close(loss(s), torch.logsumexp(gap if offset is None else gap + offset, dim=1), rtol=1e-9, atol=1e-12)


@each_variant
def test_float32_is_float64_within_one_part_in_ten_thousand(text):
    loss = build(text)
    for seed in range(3):
        s = batch(seed, 16, 200)
        single = moved(s, s.pos.float(), s.neg.float())
        assert single.pos.dtype == loss(single).dtype == torch.float32
        assert_close(loss(single).double(), loss(s), rtol=1e-4, atol=1e-5)
        for got, want in zip(gradients(loss, single), gradients(loss, s), strict=True):
            assert_close(got.double(), want, rtol=1e-3, atol=1e-5)


@each_variant
def test_returns_one_value_an_example_and_asks_for_similarity_only_if_it_weighs(text):
    loss, s = build(text), batch(0, 4, 6)

    def refuse():
        raise AssertionError("computed the similarity for nothing")

    if not loss.values().get("lambda_similarity"):
        s.__dict__.pop("similarity", None)
        s.measure_similarity = refuse
    assert loss(s).shape == (4,)


@each_variant
def test_parameters_survive_the_command_line(text):
    part = registry.part("loss", text)
    assert registry.part("loss", str(part)) == part
    owner = registry.find("loss", part.name)
    assert owner(**dict(part.params)).values() == dict(part.params)
    assert registry.part("loss", registry.label(owner, part)) == part


@each_loss
def test_parameters_are_described_and_their_grids_allowed(name):
    for param in registry.find("loss", name).params.values():
        assert param.help
        assert not param.grid or param.default in param.grid
        for value in (param.default, *param.grid):
            assert param.parse(show(value), name) == value


@each_loss
def test_a_wrong_parameter_is_refused(name):
    owner = registry.find("loss", name)
    with pytest.raises(UserError, match="Unknown parameter"):
        owner(temperatur=1)
    for param in owner.params.values():
        if param.above is not None:
            with pytest.raises(UserError, match="out of range"):
                owner(**{param.name: param.above})


@each_loss
def test_is_documented(name):
    owner = registry.find("loss", name)
    text = inspect.getdoc(owner) or ""
    first, rest = text.split("\n", 1)
    assert first == registry.summary("loss", name)
    assert first.endswith(".")
    assert "$\\ell" in rest
    assert text.count("$") % 2 == 0
    assert "Paper: " in text
    assert owner.paper.split("arXiv ")[-1].split(", ")[-1] in text.replace("\n", " ")
    assert owner.provenance == ("reading" if name == "dsl" or exempt("published formula", name) else "paper")
    assert owner.score == ("dot" if name == "bpr" or exempt("cosine", name) else "cosine")


@pytest.mark.gpu
@each_variant
def test_the_gpu_agrees_with_the_cpu(text):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    loss, s = build(text), batch(0, 64, 300, dtype=torch.float32)
    want, want_gradients = loss(s), gradients(loss, s)
    loss.cuda()
    items = {"pos_item": s.pos_item.cuda(), "neg_item": s.neg_item.cuda()}
    there = of(s.pos.cuda(), s.neg.cuda(), user=s.user.cuda(), similarity=s.similarity.cuda(), **items)
    assert_close(loss(there).cpu(), want, rtol=1e-4, atol=1e-5)
    for got, expected in zip(gradients(loss, there), want_gradients, strict=True):
        assert_close(got.cpu(), expected, rtol=1e-3, atol=1e-5)
