"""What a better forecast is worth: one policy, one replay of history, two demand models, compared at equal fill rate.

    python3 experiments/decision_value.py target/release/restock sales_CA_1.parquet --map examples/mappings/m5.toml

Replays the last half year of every k-th item under the base-stock policy with each model and a ladder of fill-rate
targets. Each model then has a curve of cost over realised fill rate; between its points it is interpolated. Printed is
the mean over common fill rates of cost (holding, waste, orders, lost margin) and of mean stock value, as a ratio to the
first model, with a 90 % interval of a bootstrap over items.
"""

import argparse
import json
import random
import subprocess
import tempfile

TARGETS = [0.86, 0.91, 0.95, 0.975]
GRID = 9
N_BOOTSTRAP = 300


def replay(args, model, target):
    """The lines of one replay: (demand, sold, cost, mean stock value) of each item."""
    command = [args.binary, "backtest", args.sales, "--policies", "base_stock", "--model", model, "--json"]
    command += ["--windows", str(args.weeks), "--limit", str(args.items), "--objective", f"fill_rate={target}"]
    command += ["--map", args.map] if args.map else []
    with tempfile.TemporaryDirectory() as out:
        report = json.loads(subprocess.run(command + ["--out", out], check=True, capture_output=True).stdout)
    lines = []
    for line in report["lines"]:
        of = line["policies"][0]
        lines.append((line["demand"], line["demand"] * of["fill_rate"], of["cost"], of["mean_stock_value"]))
    return lines


def curve(ladder, chosen):
    """Points (fill rate, cost, stock) of the ladder, over the chosen items, in order of fill rate."""
    points = []
    for lines in ladder:
        sums = [sum(lines[idx][column] for idx in chosen) for column in range(4)]
        points.append((sums[1] / sums[0], sums[2], sums[3]))
    return sorted(points)


def at(points, fill_rate, column):
    """Linear between two points of a curve."""
    for low, high in zip(points, points[1:]):
        if low[0] <= fill_rate <= high[0]:
            share = (fill_rate - low[0]) / (high[0] - low[0]) if high[0] > low[0] else 0.0
            return low[column] + share * (high[column] - low[column])
    raise ValueError(f"{fill_rate} is outside the curve")


def ratios(reference, other):
    """Mean ratios of cost and of stock over fill rates both curves reach."""
    low, high = max(reference[0][0], other[0][0]), min(reference[-1][0], other[-1][0])
    if low >= high:
        return None
    grid = [low + (high - low) * step / (GRID - 1) for step in range(GRID)]
    mean = lambda column: sum(at(other, f, column) / at(reference, f, column) for f in grid) / GRID
    return mean(1), mean(2), low, high


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("sales")
    parser.add_argument("--map")
    parser.add_argument("--models", default="ets,pretrained,auto")
    parser.add_argument("--items", type=int, default=150)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--classes", type=int, default=1, help="classes of equal size by units sold, apart")
    args = parser.parse_args()
    models = args.models.split(",")
    ladders = {model: [replay(args, model, target) for target in TARGETS] for model in models}
    n_items = len(ladders[models[0]][0])
    for model in models:
        points = " ".join(f"{f:.4f}:{cost:.0f}/{stock:.0f}" for f, cost, stock in curve(ladders[model], range(n_items)))
        print(f"{model:12} fill rate:cost/stock {points}")
    generator = random.Random(1)
    for model in models[1:]:
        whole = ratios(*(curve(ladders[name], range(n_items)) for name in (models[0], model)))
        drawn = []
        for _ in range(N_BOOTSTRAP):
            chosen = generator.choices(range(n_items), k=n_items)
            found = ratios(*(curve(ladders[name], chosen) for name in (models[0], model)))
            if found:
                drawn.append(found)
        for column, what in enumerate(("cost", "stock")):
            values = sorted(one[column] for one in drawn)
            low, high = values[int(0.05 * len(values))], values[int(0.95 * len(values)) - 1]
            print(f"{model} / {models[0]}: {what} {whole[column]:.4f} [{low:.4f} {high:.4f}], "
                  f"fill rates {whole[2]:.3f} to {whole[3]:.3f}, {n_items} items")
    by_volume = sorted(range(n_items), key=lambda idx: ladders[models[0]][0][idx][0])
    for number in range(args.classes if args.classes > 1 else 0):
        members = by_volume[number * n_items // args.classes : (number + 1) * n_items // args.classes]
        curves = {model: curve(ladders[model], members) for model in models}
        for model in models[1:]:
            found = ratios(curves[models[0]], curves[model])
            line = f"cost {found[0]:.3f} stock {found[1]:.3f}" if found else "no common fill rate"
            print(f"class {number + 1} of {args.classes}, {len(members)} items: {model} / {models[0]} {line}")


if __name__ == "__main__":
    main()
