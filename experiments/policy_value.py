"""What one policy costs over another on a replayed history, with an interval.

    restock backtest DATA --policies base_stock,learned --windows 26 --limit 300 --objective economics --json > replay.json
    python3 experiments/policy_value.py replay.json

Reads the first two policies of each report. Printed are realised fill rates, the ratio of the second policy's cost to the
first's with a 90 % interval of a bootstrap over items, and on how many items they differ.
"""

import json
import random
import sys

N_BOOTSTRAP = 500


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        lines = report["lines"]
        demand = sum(line["demand"] for line in lines)
        costs = [[line["policies"][idx]["cost"] for line in lines] for idx in (0, 1)]
        # An item without demand has no fill rate.
        sold = [sum(line["demand"] * (line["policies"][idx]["fill_rate"] or 0) for line in lines) for idx in (0, 1)]
        generator = random.Random(1)
        drawn = []
        for _ in range(N_BOOTSTRAP):
            chosen = generator.choices(range(len(lines)), k=len(lines))
            drawn.append(sum(costs[1][idx] for idx in chosen) / sum(costs[0][idx] for idx in chosen))
        drawn.sort()
        low, high = drawn[int(0.05 * N_BOOTSTRAP)], drawn[int(0.95 * N_BOOTSTRAP)]
        first, second = (policy["policy"] for policy in report["policies"][:2])
        n_changed = sum(one != other for one, other in zip(*costs))
        print(f"{path}: {second} / {first} cost {sum(costs[1]) / sum(costs[0]):.4f} [{low:.4f} {high:.4f}], fill rates "
              f"{sold[0] / demand:.4f} and {sold[1] / demand:.4f}, {n_changed} of {len(lines)} items differ")


if __name__ == "__main__":
    main()
