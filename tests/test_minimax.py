import torch
from torch.testing import assert_close

from rankbench.minimax import ascend, descend, directed, parameter


def steps(read, rate, n):
    """The values that a parameter takes when Adam descends on the square of what `read` makes of it."""
    p = parameter(torch.tensor([1.0]), rate)
    optimiser = torch.optim.Adam([p], lr=0.01)
    found = []
    for _ in range(n):
        optimiser.zero_grad()
        value = read(p, rate)
        found.append(value.item())
        value.square().sum().backward()
        optimiser.step()
    return torch.tensor(found)


def test_a_rate_is_a_learning_rate():
    p = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = torch.optim.Adam([p], lr=0.02)
    found = []
    for _ in range(20):
        optimiser.zero_grad()
        found.append(p.item())
        p.square().sum().backward()
        optimiser.step()
    assert_close(steps(descend, 2.0, 20), torch.tensor(found))


def test_a_small_rate_keeps_the_gradient_away_from_the_floor_of_adam():
    p = parameter(torch.tensor([1.0]), 1e-6)
    descend(p, 1e-6).square().sum().backward()
    assert_close(p.grad, torch.tensor([2.0]))


def test_ascending_takes_the_same_value_and_the_opposite_way():
    up, down = steps(ascend, 0.5, 4), steps(descend, 0.5, 4)
    assert up[0] == down[0] == 1
    assert (up.diff() > 0).all()
    assert (down.diff() < 0).all()


def test_several_parameters_each_go_their_way_at_their_rate():
    stored = torch.tensor([1.0, 2.0], requires_grad=True)
    values = directed(stored, torch.tensor([0.5, 3.0]), torch.tensor([1.0, -1.0]))
    assert_close(values, torch.tensor([0.5, 6.0]))
    values.square().sum().backward()
    assert_close(stored.grad, torch.tensor([1.0, -12.0]))
