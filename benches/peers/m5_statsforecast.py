"""The floor that `restock backtest --forecast` is compared with on M5, computed by the public package statsforecast.

    pip install statsforecast pyarrow pandas
    python benches/peers/m5_statsforecast.py --data ../shared/data/m5/sales_CA_1.parquet --out floor_CA_1.json

Each series starts at its first day with a price; the last 28 days are the test window. Methods: seasonal naive
(statsforecast SeasonalNaive), AutoETS with season 7 and quantiles clipped at zero, and the weekday- and
recency-weighted empirical quantile (plain numpy, below). WQL and MASE as DEMAND_MODEL.md section 2 defines them:
WQL over the levels .1 to .9 and the whole data set, MASE with the in-sample seasonal-naive error, q.5 as the point.
"""

import argparse
import json
import time

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from statsforecast.models import AutoETS, SeasonalNaive

HORIZON, SEASON = 28, 7
LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
HALF_LIFE_DAYS, SAME_WEEKDAY_WEIGHT, WINDOW_DAYS = 28.0, 3.0, 182


def quantiles_of_intervals(result):
    columns = []
    for level in LEVELS:
        width = int(round(abs(2 * level - 1) * 100))
        if width == 0:
            columns.append(result["mean"])
        else:
            columns.append(result[f"{'lo' if level < 0.5 else 'hi'}-{width}"])
    return np.maximum(np.stack(columns, axis=1), 0.0)  # [horizon, n_levels]


def statsforecast_model(model):
    def forecast(y):
        return quantiles_of_intervals(model.forecast(y=y, h=HORIZON, level=[20, 40, 60, 80]))
    return forecast


def weighted_empirical_quantiles(y):
    past = y[-WINDOW_DAYS:]
    age = np.arange(len(past), 0, -1)
    recency = 0.5 ** (age / HALF_LIFE_DAYS)
    order = np.argsort(past, kind="stable")
    rows = []
    for step in range(1, HORIZON + 1):
        same_weekday = (age - 1 + step) % SEASON == 0
        weight = recency * np.where(same_weekday, SAME_WEEKDAY_WEIGHT, 1.0)
        cumulative = np.cumsum(weight[order]) / weight.sum()
        rows.append([past[order][min(np.searchsorted(cumulative, level), len(past) - 1)] for level in LEVELS])
    return np.array(rows)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--methods", default="seasonal_naive,weighted_quantiles,auto_ets")
    arguments.add_argument("--limit", type=int, default=0)
    options = arguments.parse_args()

    frame = pq.read_table(options.data, columns=["item_id", "date", "quantity", "price"]).to_pandas()
    frame = frame[frame["price"].notna()]
    series = {str(item): group.sort_values("date")["quantity"].to_numpy(float)
              for item, group in frame.groupby("item_id", observed=True)}
    items = sorted(series)[: options.limit or None]
    methods = {
        "seasonal_naive": statsforecast_model(SeasonalNaive(season_length=SEASON)),
        "weighted_quantiles": weighted_empirical_quantiles,
        "auto_ets": statsforecast_model(AutoETS(season_length=SEASON)),
    }
    results = {}
    for name in options.methods.split(","):
        loss = absolute = 0.0
        scaled, seconds = [], 0.0
        for item in items:
            y = series[item]
            train, test = y[:-HORIZON], y[-HORIZON:]
            begin = time.process_time()
            quantiles = methods[name](train)
            seconds += time.process_time() - begin
            for idx, level in enumerate(LEVELS):
                error = test - quantiles[:, idx]
                loss += 2.0 * np.maximum(level * error, (level - 1.0) * error).sum() / len(LEVELS)
            absolute += test.sum()
            scale = np.abs(train[SEASON:] - train[:-SEASON]).mean()
            if scale > 0:
                scaled.append(np.abs(test - quantiles[:, 4]).mean() / scale)
        results[name] = {"wql": loss / absolute, "mase": float(np.mean(scaled)), "cpu_seconds": seconds,
                         "n_series": len(items)}
        print(name, results[name], flush=True)
        with open(options.out, "w") as handle:
            json.dump(results, handle, indent=1)


if __name__ == "__main__":
    main()
