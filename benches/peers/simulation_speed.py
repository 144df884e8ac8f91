"""Simulated periods per CPU second of one core: our problems in lanes against or-gym, stockpyl and gym-invmgmt.

    python3 -m venv .venv && . .venv/bin/activate
    pip install "numpy<2" "gym==0.26.2" scipy networkx pandas matplotlib && pip install --no-deps or-gym
    pip install gym-invmgmt jsonpickle tabulate tqdm && pip install --no-deps stockpyl
    python benches/peers/simulation_speed.py

Both sides are timed in CPU seconds of one thread, in one run on one machine: theirs by `time.process_time`, ours by
the scheduler's account of the thread (`cargo bench -p restock-inventory --bench lanes -- --cpu`). A period is one step
of the peer's environment, demand sampling included, under random actions (gym environments) or an echelon base-stock
policy (stockpyl); ours are under the policy that the row names. Peers that are not installed are listed as such.
"""

import argparse
import os
import subprocess
import time
import warnings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

warnings.filterwarnings("ignore")


def steps_per_second(reset, step, seconds):
    """`step` plays one period and says whether the episode is over."""
    reset()
    n_steps, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        for _ in range(10):
            n_steps += 1
            if step():
                reset()
    return n_steps / (time.process_time() - begin)


def or_gym(name, seconds):
    import gym
    import or_gym

    gym.logger.set_level(gym.logger.ERROR)
    env = or_gym.make(name)
    return steps_per_second(env.reset, lambda: env.step(env.action_space.sample())[2], seconds)


def gym_invmgmt(name, seconds):
    import gym_invmgmt  # registers the environments
    import gymnasium

    env = gymnasium.make(name)

    def step():
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        return terminated or truncated

    return steps_per_second(env.reset, step, seconds)


def stockpyl(n_periods):
    from stockpyl.sim import simulation
    from stockpyl.supply_chain_network import serial_system

    network = serial_system(
        num_nodes=3,
        node_order_in_system=[3, 2, 1],
        node_order_in_lists=[1, 2, 3],
        local_holding_cost=[7, 4, 2],
        stockout_cost=[37.12, 0, 0],
        demand_type="N",
        mean=5,
        standard_deviation=1,
        shipment_lead_time=[1, 1, 2],
        policy_type="EBS",
        base_stock_level=[6.49, 12.02, 22.71],
    )
    begin = time.process_time()
    simulation(network, n_periods, rand_seed=42, progress_bar=False)
    return n_periods / (time.process_time() - begin)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=float, default=3.0, help="CPU seconds per peer")
    options = arguments.parse_args()
    seconds = options.seconds
    peers = [
        ("or-gym InvManagement-v0", lambda: or_gym("InvManagement-v0", seconds)),
        ("or-gym InvManagement-v1", lambda: or_gym("InvManagement-v1", seconds)),
        ("or-gym NetworkManagement-v1", lambda: or_gym("NetworkManagement-v1", seconds)),
        ("or-gym Newsvendor-v0", lambda: or_gym("Newsvendor-v0", seconds)),
        ("gym-invmgmt serial", lambda: gym_invmgmt("GymInvMgmt/Serial-v0", seconds)),
        ("gym-invmgmt network", lambda: gym_invmgmt("GymInvMgmt/MultiEchelon-v0", seconds)),
        ("stockpyl serial 3 stages", lambda: stockpyl(int(500 * seconds))),
    ]
    print(f"{'simulation':45} {'periods per CPU second':>24}")
    for name, run in peers:
        try:
            print(f"{name:45} {run():>24,.0f}", flush=True)
        except ImportError as error:
            print(f"{name:45} {'not installed':>24} ({error})", flush=True)
    command = ["cargo", "bench", "-q", "-p", "restock-inventory", "--bench", "lanes", "--", "--cpu"]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in table.splitlines():
        name, median, best = line.split("\t")
        print(f"restock {name:37} {float(median):>24,.0f} (best {float(best):,.0f})")


if __name__ == "__main__":
    main()
