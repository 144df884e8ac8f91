"""Steps per CPU second of differentiable simulation on one core: the same rollout in PyTorch and ours.

    python3 -m venv .venv && . .venv/bin/activate
    pip install torch
    python benches/peers/pathwise_gradient.py

The rollout: lost sales with lead time 4, Poisson demand of mean 5, 4,096 paths of 50 periods from random states, a
network of two hidden layers of 32 units whose output becomes an order by a softplus; the mean cost forward and its
slopes by all weights back. Demand is drawn anew each time on both sides. Both are timed in CPU seconds of one thread,
in turns in one run on one machine, so that a busy machine disturbs both alike: theirs by `time.process_time`, ours by
the scheduler's account of the thread (`cargo bench -p restock-learning --bench pathwise -- --cpu`).
"""

import argparse
import os
import statistics
import subprocess
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import torch

torch.set_num_threads(1)

N_LANES, N_PERIODS, LEAD_TIME, MEAN = 4096, 50, 4, 5.0
HOLDING_COST, STOCKOUT_COST = 1.0, 4.0


def network(activation):
    return torch.nn.Sequential(
        torch.nn.Linear(LEAD_TIME, 32), activation(), torch.nn.Linear(32, 32), activation(), torch.nn.Linear(32, 1)
    )


def rollout(net):
    """The mean cost per period, with its slopes by the weights."""
    demand = torch.poisson(torch.full((N_PERIODS, N_LANES), MEAN))  # [n_periods, n_lanes]
    state = 2.0 * MEAN * torch.rand(N_LANES, LEAD_TIME)  # [n_lanes, lead_time]: on hand, then what arrives
    total = torch.zeros(())
    for period in range(N_PERIODS):
        order = MEAN * torch.nn.functional.softplus(net(state / MEAN - 1.0) + 1.0)  # [n_lanes, 1]
        left = torch.relu(state[:, 0] - demand[period])
        lost = torch.relu(demand[period] - state[:, 0])
        total = total + (HOLDING_COST * left + STOCKOUT_COST * lost).mean()
        state = torch.cat([(left + state[:, 1]).unsqueeze(1), state[:, 2:], order], dim=1)
    loss = total / N_PERIODS
    net.zero_grad()
    loss.backward()
    return loss.item()


def steps_per_second(net, n_rollouts):
    begin = time.process_time()
    for _ in range(n_rollouts):
        rollout(net)
    return n_rollouts * N_LANES * N_PERIODS / (time.process_time() - begin)


def ours():
    """Median steps per CPU second of each case."""
    command = ["cargo", "bench", "-q", "-p", "restock-learning", "--bench", "pathwise", "--", "--cpu"]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(median) for name, median, _ in (line.split("\t") for line in table.splitlines())}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--turns", type=int, default=3, help="times that each side has its turn")
    options = arguments.parse_args()
    nets = {"ReLU": network(torch.nn.ReLU), "ELU": network(torch.nn.ELU)}
    for net in nets.values():
        rollout(net)
    speeds = {}
    for _ in range(options.turns):
        for name, net in nets.items():
            speeds.setdefault(f"PyTorch {torch.__version__}, {name}", []).append(steps_per_second(net, 10))
        for name, speed in ours().items():
            speeds.setdefault(f"restock, {name}", []).append(speed)
    print(f"{'network 2x32':32} {'steps per CPU second, median':>30} {'best':>14}")
    for name, of_turns in speeds.items():
        print(f"{name:32} {statistics.median(of_turns):>30,.0f} {max(of_turns):>14,.0f}")


if __name__ == "__main__":
    main()
