//! `restock train`: what a user sees, what is written, and that an interrupted training goes on.

mod common;

use common::{json, refused, stdout};

#[test]
fn a_small_known_model_is_solved_and_the_rule_is_stated() {
    let dir = tempfile::tempdir().unwrap();
    let text = stdout(dir.path(), &["train", "--env", "worked-example", "--explain-choice"]);
    // The bounds of the solver are the processor's last digits.
    let text = text.split_once("optimum are ").unwrap().0.to_owned();
    insta::assert_snapshot!(text, @r"
    worked-example demand=poisson:30 stockout_cost=5

    201 states, 101 actions, 1 quantity an action, model known, derivative none
      rule                                                     algorithm    applies
      ───────────────────────────────────────────────────────────────────────────────
      the model is known and has at most 4,000,000 states      exact        yes
      states times actions are at most 100,000: a table        q-learning
      the simulation has a derivative and the model is known   pathwise
      one quantity with at most 256 choices                    dqn
      several quantities, or more choices                      ppo

    exact is chosen: the model is known and has at most 4,000,000 states

      policy               discounted cost from the first state        gap
      ────────────────────────────────────────────────────────────────────
      solved exactly                                   171.6269    0.000 %
      newsvendor, S = 37                               175.6722   +2.357 %
      optimum                                          171.6269
    Costs are exact: every state is evaluated.

    solved, not learned: bounds on the
    ");
}

/// Three epochs of Q-learning, all it writes, and the numbers of training in one go.
#[test]
fn a_resumed_training_has_the_numbers_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let train = |out: &str, epochs: &str, resume: bool| {
        let args =
            ["train", "--env", "lost-sales-l2", "--algo", "q-learning", "--out", out, "--epochs", epochs, "--json"];
        json(dir.path(), &[&args[..], if resume { &["--resume"] } else { &[] }].concat())
    };
    train("parts", "2", false);
    let resumed = train("parts", "4", true);
    let whole = train("whole", "4", false);
    let without_seconds = |mut result: serde_json::Value| {
        for point in result["learned"]["curve"].as_array_mut().unwrap() {
            point["cpu_seconds"] = 0.into();
        }
        result
    };
    assert_eq!(without_seconds(resumed), without_seconds(whole.clone()));
    assert_eq!(whole["learned"]["curve"].as_array().unwrap().len(), 4);
    let gap = whole["learned"]["grade"]["gap"].as_f64().unwrap();
    assert!((0.0..0.5).contains(&gap) && whole["learned"]["grade"]["reference"]["kind"] == "optimum", "{whole}");
    for name in ["policy.json", "checkpoint.json", "curve.csv", "curve.svg", "result.json"] {
        assert!(dir.path().join("parts").join(name).is_file(), "{name}");
    }
    let policies =
        ["parts", "whole"].map(|out| std::fs::read_to_string(dir.path().join(out).join("policy.json")).unwrap());
    assert_eq!(policies[0], policies[1]);
    let chart = std::fs::read_to_string(dir.path().join("whole/curve.svg")).unwrap();
    assert!(chart.contains("validation, without exploration") && chart.contains("optimum"), "{chart}");
    let error =
        refused(dir.path(), &["train", "--env", "lost-sales-l2", "--algo", "sarsa", "--out", "whole", "--resume"]);
    insta::assert_snapshot!(error, @r"
    error: algorithm of the checkpoint is q-learning, must be sarsa

    hint: leave --resume out to begin anew, or name another folder with --out
    ");
}

#[test]
fn a_problem_file_and_pairs_describe_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = "problem = \"lost-sales\"\nlead_time = 1\nholding_cost = 1\nstockout_cost = 9\ndemand = \"poisson:3\"\n";
    std::fs::write(dir.path().join("problem.toml"), file).unwrap();
    let of_file = json(dir.path(), &["train", "--env", "problem.toml", "--json"]);
    let pairs = ["lead_time=1", "holding_cost=1", "stockout_cost=9", "demand=poisson:3"];
    let of_pairs = json(dir.path(), &[&["train", "--env", "lost-sales-v1", "--json"], &pairs[..]].concat());
    assert_eq!(of_file, of_pairs);
    let solved = json(dir.path(), &["solve", "problem.toml", "--json"]);
    let optimum = solved["figures"][0]["value"].as_f64().unwrap();
    assert!((of_file["learned"]["grade"]["cost"].as_f64().unwrap() - optimum).abs() < 1e-5, "{of_file}");
}

#[test]
fn what_cannot_be_learned_says_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let train = |args: &[&str]| refused(dir.path(), &[&["train", "--env"], args].concat());
    insta::assert_snapshot!(train(&["serial"]), @r#"
    error: environment "serial" cannot be learned, expected one of dual-sourcing, lost-sales, minimum-order, one-warehouse, perishable, random-yield, s-S, trucks, worked-example, a lead time as in lost-sales-l4, or a TOML or YAML file

    hint: `restock env list` says what each is, `restock solve` how a file describes one
    "#);
    insta::assert_snapshot!(train(&["trucks", "--algo", "pathwise"]), @"error: pathwise needs the derivative of the simulation, which joint-replenishment-v1 does not have; expected one of dual-sourcing, lost-sales, perishable or random-yield, or another algorithm such as ppo");
    insta::assert_snapshot!(train(&["lost-sales", "--algo", "dcl", "--samples-only"]), @"error: `--algo dcl` uses the model, `--samples-only` forbids it; expected q-learning, sarsa, dqn, reinforce or ppo");
    insta::assert_snapshot!(train(&["lost-sales", "holding_cost=-1"]), @"
    error: holding_cost is -1, must be above 0

    hint: `restock solve` shows an example of each problem with its parameters
    ");
    insta::assert_snapshot!(train(&["lost-sales", "--out", "nowhere", "--resume"]), @"
    error: cannot read nowhere/checkpoint.json: No such file or directory (os error 2)

    hint: leave --resume out to begin
    ");
    insta::assert_snapshot!(train(&["lost-sales", "--resume"]).lines().next().unwrap(), @"error: the following required arguments were not provided:");
}

/// A shop with a fixed lead time, ordered daily: the network decides all items, and what does not belong to a fit is refused.
#[test]
fn a_portfolio_is_fitted_from_the_files_of_a_project() {
    let dir = tempfile::tempdir().unwrap();
    let project = dir.path().join("shop");
    std::fs::create_dir_all(project.join("data")).unwrap();
    let config = "[objective]\nmode = \"economics\"\n[planning]\ndefault_review_days = 1\ndefault_lead_time_days = 3\n";
    std::fs::write(project.join("restock.toml"), config).unwrap();
    let mut sales = "date,item_id,quantity\n".to_owned();
    let first: jiff::civil::Date = "2025-01-01".parse().unwrap();
    let mut random = 1_u64;
    for day in 0..200_i64 {
        for name in ["tea", "rice", "soap"] {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Geometric demand of 4 a day.
            let uniform = (random >> 40) as f64 / (1_u64 << 24) as f64;
            let quantity = ((1.0 - uniform).ln() / 0.8_f64.ln()).floor();
            let date = first + jiff::Span::new().days(day);
            sales.push_str(&format!("{date},{name},{quantity}\n"));
        }
    }
    std::fs::write(project.join("data/sales.csv"), sales).unwrap();
    let items = "item_id,unit_cost,price\ntea,50,51\nrice,60,61\nsoap,70,71\n";
    std::fs::write(project.join("data/items.csv"), items).unwrap();
    let args =
        ["train", "--env", "portfolio", "--project", "shop", "demand=history", "days=28", "paths=16", "steps=50"];
    let result = json(dir.path(), &[&args[..], &["--out", "fit", "--json"]].concat());
    assert_eq!((&result["items"], &result["decided_by_network"]), (&3.into(), &3.into()), "{result}");
    assert_eq!(result["curve"].as_array().unwrap().len(), 2);
    let cost = |contender: &str| result["test"][contender]["cost_per_day"].as_f64().unwrap();
    assert!(cost("fitted_behind_guard") < 1.02 * cost("classical"), "{result}");
    let kept = project.join(".restock/learned_policy.safetensors");
    assert_eq!(kept.exists(), result["best_step"].as_u64().unwrap() > 0, "kept only where it is better: {result}");
    for name in ["curve.csv", "curve.svg", "result.json"] {
        assert!(dir.path().join("fit").join(name).is_file(), "{name}");
    }
    let text = stdout(dir.path(), &args);
    assert!(text.contains("The network decides 3 of 3 item-locations"), "{text}");
    let error = refused(dir.path(), &["train", "--env", "portfolio", "--project", "shop", "--samples-only"]);
    assert!(error.contains("a portfolio is not trained with --samples-only"), "{error}");
    let error = refused(dir.path(), &["train", "--env", "portfolio", "--project", "shop", "demand=sales"]);
    assert!(error.contains("demand=forecast, demand=history or demand=simulator"), "{error}");
}
