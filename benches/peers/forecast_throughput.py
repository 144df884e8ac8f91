"""Series per second on one core: our ETS and Croston family against the public package statsforecast, same series.

    pip install statsforecast pyarrow pandas
    cargo bench -p restock-forecast --bench throughput --no-run
    python benches/peers/forecast_throughput.py --data ../shared/data/m5/sales_CA_1.parquet --series 60

Both sides are timed in CPU seconds of one thread, after a warm-up call, in one run on one machine. `peer:` rows do
the same work as the peer: AutoETS on the whole history with mean and variance of 28 days; Croston, SBA and TSB with
fixed smoothing constants and a point forecast. The rows below them are our models as a plan calls them: constants
chosen per series, 13 quantiles for each of 28 days.
"""

import argparse
import os
import subprocess
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import pandas as pd
import pyarrow.parquet as pq
from statsforecast.models import TSB, AutoETS, CrostonClassic, CrostonSBA

HORIZON, SEASON = 28, 7


def read_series(path, n_series):
    frame = pq.read_table(path, columns=["item_id", "date", "quantity", "price"]).to_pandas()
    frame = frame[frame["price"].notna()].copy()
    frame["item_id"] = frame["item_id"].astype(str)
    items = sorted(frame["item_id"].unique())
    items = items[:: max(1, len(items) // n_series)][:n_series]
    series = []
    for item in items:
        group = frame[frame["item_id"] == item].sort_values("date")
        first = (pd.to_datetime(group["date"].iloc[0]) - pd.Timestamp("1970-01-01")).days
        series.append((first, group["quantity"].to_numpy(float)))
    return series


def peer_seconds(model, series, repeats, **options):
    model.forecast(y=series[0][1], h=HORIZON, **options)  # compiles
    begin = time.process_time()
    for _ in range(repeats):
        for _, y in series:
            model.forecast(y=y, h=HORIZON, **options)
    return (time.process_time() - begin) / (repeats * len(series))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--series", type=int, default=60)
    options = arguments.parse_args()
    series = read_series(options.data, options.series)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as handle:
        for first, y in series:
            handle.write(f"{first}\t{','.join(f'{value:g}' for value in y)}\n")
        handle.flush()
        command = ["cargo", "bench", "-q", "-p", "restock-forecast", "--bench", "throughput", "--", "--series", handle.name]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    ours = {}
    for line in lines:
        name, count, seconds = line.split("\t")
        ours[name] = float(seconds) / int(count)
    peers = {
        "ets": peer_seconds(AutoETS(season_length=SEASON), series, 1, level=[20, 40, 60, 80]),
        "croston": peer_seconds(CrostonClassic(), series, 20),
        "sba": peer_seconds(CrostonSBA(), series, 20),
        "tsb": peer_seconds(TSB(0.1, 0.1), series, 20),
    }
    days = sum(len(y) for _, y in series) / len(series)
    print(f"{len(series)} series of {days:.0f} days on average, CPU time of one thread")
    print(f"{'method':24}{'ours, series/s':>16}{'statsforecast':>16}{'ratio':>8}")
    for name, seconds in ours.items():
        peer = peers.get(name.removeprefix("peer:"))
        other = f"{1 / peer:16.1f}{peer / seconds:8.1f}" if peer else ""
        rate = f"{1 / seconds:16.1f}" if seconds > 0 else f"{'-':>16}"
        print(f"{name:24}{rate}{other}")


if __name__ == "__main__":
    main()
