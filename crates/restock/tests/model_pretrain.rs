//! `restock model pretrain` as users meet it.

use std::path::Path;
use std::process::{Command, Output};

fn restock(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_restock"))
        .args(["model", "pretrain"])
        .args(args)
        .current_dir(dir)
        .env_clear()
        .env("LANG", "C")
        .output()
        .expect("the binary runs")
}

fn expect(dir: &Path, args: &[&str], code: i32) -> Output {
    let output = restock(dir, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}\n{}\n{}", stdout(&output), stderr(&output));
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("messages are UTF-8")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

/// A few tiny batches; the rest as by default.
const TINY: [&str; 6] = ["--tokens", "100", "--validation-batches", "1", "--threads", "2"];

fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&TINY[..], more].concat()
}

/// Words with digits that are not the same on every machine: hashes, seconds, and decimals that last digits show in.
fn hidden(text: &str) -> String {
    let word = |word: &str| {
        let core = word.trim_matches(|c: char| "`;,()".contains(c));
        let is_hash = core.len() == 64 && core.chars().all(|c| c.is_ascii_hexdigit());
        let is_decimal = core.contains('.') && core.chars().all(|c| c.is_ascii_digit() || c == '.');
        if is_hash || is_decimal { word.replace(core, "N") } else { word.to_owned() }
    };
    let mut lines = Vec::new();
    for line in text.lines() {
        let keep = ["| quantile", "| training data", "| command"].iter().any(|start| line.starts_with(start));
        lines.push(if keep { line.to_owned() } else { line.split(' ').map(word).collect::<Vec<_>>().join(" ") });
    }
    lines.join("\n")
}

#[test]
fn the_help_says_what_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    let help = stdout(&expect(dir.path(), &["--help"], 0));
    let lines: Vec<&str> = help.lines().take_while(|line| !line.starts_with("  -h")).map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Train a demand model from nothing on generated series, and write its weights, a card and a chart

    Training goes on from the checkpoint that is there: the same command, run again, continues what was
    stopped. On CPUs the weights depend on the seed and the other options alone, not on the number of
    threads nor on where a run was stopped. A size of nano takes hours, base takes a GPU.

    Usage: restock model pretrain [OPTIONS]

    Options:
          --size <SIZE>
              Size of the network

              Possible values:
              - nano: 1.4 million parameters
              - base: 6.4 million parameters, the size of the shipped model

              [default: nano]

          --steps <N>
              Stop after this step, counted over all runs

              [default: 1000]

          --total-steps <N>
              Steps of the whole training, which set the learning rate and the mix of series; --steps
              when not given

          --minutes <N>
              Stop with a checkpoint before this many minutes have passed

          --tokens <N>
              Tokens in each batch, about: a series has one for every 16 periods of past and future

              [default: 16384]

          --share-generic <SHARE>
              Share of series that are not retail, instead of first many and then few

          --out <DIR>
              Folder for weights, card and chart

              [default: restock-model]

          --checkpoint <DIR>
              Folder of the checkpoint and the log; checkpoint in the folder of --out when not given

          --validate-every <N>
              Steps between two validations, each with a checkpoint

              [default: 1000]

          --validation-batches <N>
              Batches of a validation

              [default: 8]

          --learning-rate <RATE>
              The highest learning rate

              [default: 0.002]

          --seed <N>
              Seed of weights and series

              [default: 1]

          --threads <N>
              Threads; all of the machine when not given

          --teacher <FILE>
              Weights of a larger model, or shipped, whose forecasts are learnt beside the series; on
              CPUs only

          --device <DEVICE>
              Where to train

              Possible values:
              - cpu:  This machine's processor
              - cuda: A GPU; needs a build with the feature cuda

              [default: cpu]
    ");
}

#[test]
fn a_tiny_training_leaves_weights_a_card_and_a_chart() {
    let dir = tempfile::tempdir().unwrap();
    let output = expect(dir.path(), &tiny(&["--steps", "3", "--out", "m"]), 0);
    insta::assert_snapshot!(hidden(&stdout(&output)).replace(char::is_numeric, "#"), @r"
    nano, #,###,### parameters: # of # steps, ## series, # s

                          pinball loss   coverage of N   coverage of N   coverage of N
      ───────────────────────────────────────────────────────────────────────────────────────
      periods                   N             N             N              N
      cumulative demand         N             N             N              N

    On generated series that were not trained on. Coverage: the share of demand at or below a quantile.

    wrote m/model.safetensors
    wrote m/model.md
    wrote m/training.svg
    ");
    let card = std::fs::read_to_string(dir.path().join("m/model.md")).unwrap();
    // Seconds are those of the machine.
    let seconds = card.lines().find(|line| line.starts_with("| training |")).unwrap();
    let seconds = seconds.rsplit(", ").next().unwrap();
    let day = card.lines().find(|line| line.starts_with("| date |")).unwrap();
    let card = card.replace(seconds, "N s on 2 CPU threads |").replace(day, "| date | DAY |");
    insta::assert_snapshot!(hidden(&card), @r"
    # Model card: demand model `nano`

    | | |
    |---|---|
    | file | `model.safetensors`, half precision, 2,891,024 bytes, SHA-256 `N` |
    | network | patch transformer of restock N, size `nano`: 1,443,248 parameters, 128 wide, 4 layers |
    | training data | generated by the retail prior, seed 1: 40 % of series outside retail in the first fifth of the training, 25 % to seven tenths, then 15 %; no real series |
    | training | 3 of 3 steps of about 100 tokens, 27 series, AdamW with peak rate N, N s on 2 CPU threads |
    | command | `restock model pretrain --size nano --steps 3 --tokens 100 --learning-rate 0.002 --seed 1` |
    | date | DAY |
    | validation | 1 batch of generated series of another seed: pinball loss in asinh space N for periods, N for cumulative demand; cross-entropy of any demand N |

    Share of demand at or below each quantile on the series of the validation:

    | quantile | 0.01 | 0.05 | 0.1 | 0.25 | 0.5 | 0.75 | 0.9 | 0.95 | 0.99 |
    |---|---|---|---|---|---|---|---|---|---|
    | periods | N | N | N | N | N | N | N | N | N |
    | cumulative demand | N | N | N | N | N | N | N | N | N |

    ![Pinball loss by step](training.svg)
    ");
    let chart = std::fs::read_to_string(dir.path().join("m/training.svg")).unwrap();
    assert!(chart.contains("polyline") && chart.contains("validation, periods"), "{chart}");
    assert!(dir.path().join("m/checkpoint/log.csv").exists() && dir.path().join("m/checkpoint/state.json").exists());
}

#[test]
fn a_training_in_two_commands_gives_the_same_file() {
    let dir = tempfile::tempdir().unwrap();
    let whole = json(&expect(dir.path(), &tiny(&["--steps", "4", "--out", "whole", "--json"]), 0));
    let first =
        json(&expect(dir.path(), &tiny(&["--steps", "1", "--total-steps", "4", "--out", "parts", "--json"]), 0));
    let second = json(&expect(dir.path(), &tiny(&["--steps", "4", "--out", "parts", "--json"]), 0));
    assert_eq!((&first["step"], &second["step"]), (&1.into(), &4.into()));
    assert_ne!(first["sha256"], second["sha256"]);
    assert_eq!((&whole["sha256"], &whole["validation"]), (&second["sha256"], &second["validation"]));
    let again = json(&expect(dir.path(), &tiny(&["--steps", "4", "--out", "parts", "--json"]), 0));
    assert_eq!(again["sha256"], second["sha256"], "nothing is left to do");
    assert_eq!(again["n_series"], second["n_series"]);
}

#[test]
fn a_teacher_changes_what_is_learnt_and_stands_in_the_card() {
    let dir = tempfile::tempdir().unwrap();
    let plain = json(&expect(dir.path(), &tiny(&["--steps", "2", "--out", "plain", "--json"]), 0));
    let taught =
        json(&expect(dir.path(), &tiny(&["--steps", "2", "--out", "taught", "--teacher", "shipped", "--json"]), 0));
    assert_ne!(plain["sha256"], taught["sha256"]);
    let card = std::fs::read_to_string(dir.path().join("taught/model.md")).unwrap();
    assert!(card.contains("| teacher | size `base`, SHA-256") && card.contains("--teacher shipped`"), "{card}");
    let model = dir.path().join("plain/model.safetensors");
    expect(dir.path(), &tiny(&["--steps", "1", "--out", "third", "--teacher", model.to_str().unwrap()]), 0);
}

#[test]
fn what_cannot_be_says_why_and_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let refusal = |args: &[&str], code: i32| stderr(&expect(dir.path(), args, code));
    if cfg!(not(feature = "cuda")) {
        insta::assert_snapshot!(refusal(&["--device", "cuda"], 2), @r"
        error: this restock was built without GPUs, --device cuda is not possible

        hint: leave --device out, or build it with libtorch 2.11: LIBTORCH=DIR cargo build --release -p restock --features cuda
        ");
    }
    insta::assert_snapshot!(refusal(&["--steps", "10", "--total-steps", "5"], 2), @"error: --total-steps is 5, must be at least --steps, 10");
    insta::assert_snapshot!(refusal(&["--teacher", "none.safetensors"], 2), @"error: cannot read none.safetensors: No such file or directory (os error 2)");
    expect(dir.path(), &tiny(&["--steps", "1", "--out", "m"]), 0);
    insta::assert_snapshot!(refusal(&tiny(&["--steps", "2", "--out", "m", "--seed", "2"]), 2), @r"
    error: checkpoint m/checkpoint is of seed 1, --seed is 2

    hint: train with --seed 1, or name another folder with --checkpoint
    ");
    let other_size = refusal(&tiny(&["--steps", "2", "--out", "m", "--size", "base"]), 3);
    assert!(other_size.starts_with("error: m/checkpoint/state.json: checkpoint of ModelConfig"), "{other_size}");
    assert!(other_size.contains("hint: name another folder with --checkpoint"), "{other_size}");
    assert!(!dir.path().join("restock-model").exists(), "a refusal writes nothing");
}
