"""Writes random checkpoints of Chronos-Bolt and Chronos-2 with forecasts of the Python package.

The test `crates/restock-pretrained/tests/chronos.rs` reproduces the forecasts. The committed fixtures were made with

    pip install chronos-forecasting==2.3.2 transformers==4.57.6 torch==2.11.0 peft==0.21.2
    python experiments/chronos_fixtures.py crates/restock-pretrained/tests/fixtures/chronos

With `--size tiny` the checkpoints have the sizes of the published chronos-bolt-tiny and a Chronos-2 of 512 wide and 6
layers (170 MB, not committed); point RESTOCK_CHRONOS_FIXTURES at the folder to test them as well.

Weights are random with biases, norms and position biases that matter, so that no error hides behind a flat output. They
are rounded to half precision before the forecasts are made, because that is how they are stored.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from chronos.chronos2 import Chronos2Model, Chronos2Pipeline
from chronos.chronos2.config import Chronos2CoreConfig
from chronos.chronos_bolt import ChronosBoltModelForForecasting, ChronosBoltPipeline
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers.models.t5.modeling_t5 import T5Config

NAN = float("nan")
LEVELS_9 = [round(0.1 * i, 1) for i in range(1, 10)]
LEVELS_21 = [0.01] + [round(0.05 * i, 2) for i in range(1, 20)] + [0.99]


def history(length, seed):
    """Counts with a week and a trend, as f32."""
    random = np.random.default_rng(seed)
    day = np.arange(length)
    rate = 4.0 + 3.0 * np.sin(2 * math.pi * day / 7 + seed) + 0.002 * day
    return torch.tensor(random.poisson(np.maximum(rate, 0.1)), dtype=torch.float32)


def gaps(length, seed, *spans):
    values = history(length, seed)
    for start, end in spans:
        values[start:end] = NAN
    return values


def randomise(model, seed):
    """Biases and norms that matter, then half precision."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith(".bias"):
                parameter.copy_(0.1 * noise)
            elif "layer_norm" in name:
                parameter.copy_(1.0 + 0.1 * noise)
            elif "relative_attention_bias" in name:
                parameter.copy_(noise)
            parameter.copy_(parameter.half().float())


def save_checkpoint(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    tensors = {name: value.half().contiguous() for name, value in model.state_dict().items() if "embed_tokens" not in name}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def bolt(folder, size):
    sizes = {
        "small": dict(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_decoder_layers=2, num_heads=3),
        "tiny": dict(d_model=256, d_kv=64, d_ff=1024, num_layers=4, num_decoder_layers=4, num_heads=4),
    }[size]
    chronos_config = dict(
        context_length=2048, prediction_length=64, input_patch_size=16, input_patch_stride=16, quantiles=LEVELS_9,
        use_reg_token=True,
    )
    config = T5Config(
        **sizes, initializer_factor=1.0, feed_forward_proj="relu", decoder_start_token_id=0, pad_token_id=0,
        chronos_config=chronos_config, architectures=["ChronosBoltModelForForecasting"],
    )
    torch.manual_seed(1)
    model = ChronosBoltModelForForecasting(config).eval()
    randomise(model, 2)
    save_checkpoint(model, folder)
    pipeline = ChronosBoltPipeline(model)

    cases = {
        "one_value": ([history(1, 3)], 1),
        "length_15": ([history(15, 4)], 64),
        "length_16": ([history(16, 5)], 65),
        "length_17": ([history(17, 6)], 200),
        "length_2048": ([history(2048, 7)], 64),
        "length_3000": ([history(3000, 8)], 65),
        "gaps": ([gaps(100, 9, (3, 5), (20, 61), (99, 100)), gaps(70, 10, (0, 40))], 64),
        "nothing_known": ([torch.full((40,), NAN)], 64),
        "constant": ([torch.full((50,), 7.0)], 20),
        "padded_batch": ([history(length, 11 + length) for length in (1, 17, 100, 300)], 70),
    }
    tensors = {}
    for case, (histories, horizon) in cases.items():
        forecasts = pipeline.predict(histories, prediction_length=horizon)  # [n_series, n_levels, horizon]
        for idx, (values, forecast) in enumerate(zip(histories, forecasts)):
            tensors[f"{case}/0/{idx}/past"] = values
            tensors[f"{case}/0/{idx}/expected"] = forecast.contiguous()
    save_file(tensors, folder / "cases.safetensors")


def pad_left(rows, length):
    return torch.stack([torch.cat([torch.full((length - len(row),), NAN), row]) for row in rows])


def chronos2_forecasts(pipeline, groups, horizon):
    """Forecasts of every row of every group, as a list of lists of [n_levels, horizon]."""
    rows = [row for group in groups for row in group]
    longest = max(len(past) for past, _ in rows)
    context = pad_left([past for past, _ in rows], longest)
    future = torch.stack([torch.cat([known, torch.full((horizon - len(known),), NAN)]) for _, known in rows])
    group_ids = torch.tensor([idx for idx, group in enumerate(groups) for _ in group])
    with torch.no_grad():
        forecasts = pipeline._predict_batch(
            context=context, group_ids=group_ids, future_covariates=future,
            unrolled_quantiles_tensor=torch.tensor(LEVELS_9), prediction_length=horizon,
            max_output_patches=pipeline.max_output_patches, target_idx_ranges=[(0, len(rows))],
        )[0]
    forecasts = iter(forecasts)
    return [[next(forecasts).contiguous() for _ in group] for group in groups]


def chronos2(folder, size):
    sizes = {
        "small": dict(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=3),
        "tiny": dict(d_model=512, d_kv=64, d_ff=2048, num_layers=6, num_heads=8),
    }[size]
    chronos_config = dict(
        context_length=2048, input_patch_size=16, input_patch_stride=16, output_patch_size=16, quantiles=LEVELS_21,
        use_reg_token=True, use_arcsinh=True, max_output_patches=4, time_encoding_scale=2048,
    )
    config = Chronos2CoreConfig(
        **sizes, initializer_factor=1.0, chronos_config=chronos_config, architectures=["Chronos2Model"],
    )
    torch.manual_seed(21)
    model = Chronos2Model(config).eval()
    randomise(model, 22)
    save_checkpoint(model, folder)
    pipeline = Chronos2Pipeline(model)

    none = torch.empty(0)
    promotion = lambda length, seed: (history(length, seed) > 6).float()
    cases = {
        "one_value": ([[(history(1, 23), none)]], 1),
        "length_15": ([[(history(15, 24), none)]], 64),
        "length_16": ([[(history(16, 25), none)]], 65),
        "length_17": ([[(history(17, 26), none)]], 200),
        "length_2048": ([[(history(2048, 27), none)]], 64),
        "length_3000": ([[(history(3000, 28), none)]], 65),
        "gaps": ([[(gaps(100, 29, (3, 5), (20, 61), (99, 100)), none)], [(gaps(70, 30, (0, 40)), none)]], 64),
        "nothing_known": ([[(torch.full((40,), NAN), none)]], 64),
        "constant": ([[(torch.full((50,), 7.0), none)]], 20),
        "padded_batch": ([[(history(length, 31 + length), none)] for length in (1, 17, 100, 300)], 70),
        "siblings": ([[(history(90, 32), none), (history(90, 33), none), (history(40, 34), none)]], 30),
        "covariates": (
            [
                [(history(120, 35), none), (promotion(120, 36), promotion(40, 37)), (history(120, 38), none)],
                [(gaps(80, 39, (16, 48)), none), (promotion(80, 40), gaps(40, 41, (5, 20)))],
                [(torch.full((33,), NAN), none), (promotion(33, 42), promotion(40, 43))],
            ],
            40,
        ),
        "long_covariates": (
            [[(history(60, 44), none), (promotion(60, 45), promotion(150, 46))], [(history(20, 47), none)]],
            150,
        ),
    }

    def record(pipeline, cases):
        tensors = {}
        for case, (groups, horizon) in cases.items():
            for group_idx, (group, forecasts) in enumerate(zip(groups, chronos2_forecasts(pipeline, groups, horizon))):
                for row_idx, ((past, future), forecast) in enumerate(zip(group, forecasts)):
                    tensors[f"{case}/{group_idx}/{row_idx}/past"] = past
                    tensors[f"{case}/{group_idx}/{row_idx}/future"] = future
                    tensors[f"{case}/{group_idx}/{row_idx}/expected"] = forecast
        return tensors

    save_file(record(pipeline, cases), folder / "cases.safetensors")

    torch.manual_seed(51)
    lora = LoraConfig(
        r=4, lora_alpha=12,
        target_modules=[f"self_attention.{part}" for part in "qkvo"] + ["output_patch_embedding.output_layer"],
    )
    tuned = get_peft_model(model, lora).eval()
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    tuned.save_pretrained(folder / "adapter")
    (folder / "adapter" / "README.md").unlink(missing_ok=True)
    merged = Chronos2Pipeline(tuned.merge_and_unload().eval())
    save_file(record(merged, {"covariates": cases["covariates"]}), folder / "adapter" / "cases.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=["small", "tiny"], default="small")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    bolt(arguments.folder / "bolt", arguments.size)
    chronos2(arguments.folder / "chronos2", arguments.size)


if __name__ == "__main__":
    main()
