"""Writes a random BERT of sentence-embedding shape with the vectors and word pieces of the Python package.

The test `crates/restock-pretrained/tests/text.rs` reproduces them. The committed fixtures were made with

    pip install transformers==4.57.6 torch==2.11.0
    python experiments/text_fixtures.py crates/restock-pretrained/tests/fixtures/text

Weights are random with biases and norms that matter, so that no error hides behind a flat output. They are rounded to
half precision before the vectors are made, because that is how they are stored.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, BertTokenizer

VOCABULARY = """
[PAD] [UNK] [CLS] [SEP] [MASK]
! % & ( ) + , - . / : | 。 ， 、
a b c d e f g h i k l m n o p r s t u v w y z 0 1 2 3 5 8
##a ##b ##c ##d ##e ##f ##g ##h ##i ##k ##l ##m ##n ##o ##p ##r ##s ##t ##u ##v ##w ##y ##z ##0 ##1 ##2 ##3 ##5 ##8
milk milch voll ##milch candle ##s tea lamp red organic bio glass soap the of set kase ##spat ##zle cafe
牛 奶 有 机 红 茶 杯 升
""".split()

TEXTS = [
    "Organic whole milk 1 l",
    "Bio-Vollmilch | food/dairy | 3.5 %",
    "KÄSESPÄTZLE, Café & Tee",
    "有机牛奶 1升",
    "红茶杯。set of 3 candles",
    "ＦＵＬＬ width 12",
    "unknown words: жёлтый ☃ 漢字",
    "tab\tand\nnew line\u0000\u200b and \u00a0spaces",
    "",
    "a" * 120 + " milk",
    "don't (re-heat) glass-lamp!!! ¡hola! «x» …",
    "the set of red candles the set of red lamps " * 12,
]


def randomise(model, seed):
    """Biases and norms that matter, then half precision."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "LayerNorm.weight" in name:
                parameter.copy_(1.0 + 0.2 * noise)
            elif name.endswith(".bias"):
                parameter.copy_(0.2 * noise)
            else:
                parameter.copy_(noise * (1.5 / parameter.shape[-1] ** 0.5))
            parameter.copy_(parameter.half().float())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = list(dict.fromkeys(VOCABULARY))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        max_position_embeddings=64,
    )
    model = BertModel(config).eval()
    randomise(model, 7)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if "position_ids" not in name}
    save_file(tensors, folder / "model.safetensors")
    kept = ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings"]
    kept += ["vocab_size", "type_vocab_size", "layer_norm_eps", "hidden_act", "model_type"]
    (folder / "config.json").write_text(json.dumps({key: getattr(config, key) for key in kept}, indent=2) + "\n")
    cases = []
    for text in TEXTS:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)
        with torch.no_grad():
            states = model(**inputs).last_hidden_state[0]
        vector = torch.nn.functional.normalize(states.mean(0), dim=0)
        cases.append({
            "text": text,
            "ids": inputs["input_ids"][0].tolist(),
            "vector": [round(float(value), 7) for value in vector],
        })
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
