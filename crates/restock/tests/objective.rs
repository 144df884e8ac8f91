//! What users see of rewards, previews and the search for settings: `restock train` and `restock tune`.

use std::path::Path;

mod common;

use common::{json, refused};

/// Standard output of a run that must work; cells of a table fill its width with blanks, which are cut.
fn stdout(dir: &Path, args: &[&str]) -> String {
    common::stdout(dir, args).lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// PRODUCT.md, section 5: never ordering is best without a stock-out cost, and must be refused; at 1 it is not.
#[test]
fn never_ordering_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let tutorial = |others: &[&'static str]| [&["train", "--env", "worked-example"], others].concat();
    insta::assert_snapshot!(refused(dir.path(), &tutorial(&["stockout_cost=0"])), @r"
    error: the objective is cheapest when nothing is ever ordered: that costs 160.2501 from the first state, discounted, and ordering by newsvendor, S = 24 costs 160.3816

    hint: make a lost unit cost something: stockout_cost=X, --goodwill X, or a fill rate to reach with --service 0.98
    ");
    refused(dir.path(), &tutorial(&["stockout_cost=0", "--preview"]));
    refused(
        dir.path(),
        &["tune", "--env", "worked-example", "stockout_cost=0", "--algo", "q-learning", "--epochs", "1"],
    );
    let chinese = refused(dir.path(), &tutorial(&["stockout_cost=0", "demand=constant:30", "--lang", "zh-CN"]));
    insta::assert_snapshot!(chinese, @r"
    错误： 该目标在从不订货时成本最低：从不订货自初始状态起的折扣成本为 157.7890，按 newsvendor, S = 30 订货为 157.7890

    提示： 请让缺货产生成本：stockout_cost=X、--goodwill X，或用 --service 0.98 给出须达到的需求满足率
    ");
    for others in [["stockout_cost=1", "demand=constant:30"], ["stockout_cost=0", "--goodwill=1"]] {
        stdout(dir.path(), &tutorial(&others));
    }
    let goodwill = json(dir.path(), &tutorial(&["stockout_cost=2", "--goodwill", "3", "--json"]));
    let cost = goodwill["learned"]["grade"]["cost"].as_f64().unwrap();
    assert!((cost - 171.6269).abs() < 1e-4, "V*(100) at p = 5 is 171.6269, this is {cost}");
}

#[test]
fn a_preview_shows_what_is_best_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let preview = |others: &[&'static str]| {
        let args = ["train", "--env", "lost-sales", "--preview", "--out", "shown"];
        stdout(dir.path(), &[&args[..], others].concat())
    };
    insta::assert_snapshot!(preview(&["--goodwill", "2", "--stock-band", "2..12", "--band-cost", "0.5"]), @r"
    lost-sales demand=poisson:5 holding_cost=1 lead_time=2 stockout_cost=4 --goodwill 2 --stock-band 2..12 --band-cost 0.5

    What is best for this objective, solved:


      ─────────────────────────────────────────────
      cost per period                        5.2707
      of it the problem's own                4.5287
      of it goodwill                         0.7111
      of it the stock band                   0.0308
      fill rate                             92.89 %
      stock at the end of a period, units      7.75
      periods with an order                 99.71 %
      units of an order                        4.66

      on hand, nothing under way   order
      ──────────────────────────────────
                               0       7
                               2       7
                               4       7
                               6       7
                               8       7
                              10       6
                              12       5
                              14       4
                              16       2
                              18       0
                              19       0
    wrote shown/preview.svg
    ");
    let chart = std::fs::read_to_string(dir.path().join("shown/preview.svg")).unwrap();
    assert!(chart.contains("optimum") && chart.contains("on hand, nothing under way, units"), "{chart}");
    insta::assert_snapshot!(preview(&["--service", "0.98", "--lang", "zh-CN"]), @r"
    lost-sales demand=poisson:5 holding_cost=1 lead_time=2 stockout_cost=4 --service 0.98

    此目标的最优策略（精确求解）：


      ────────────────────────
      每周期成本        6.1672
      需求满足率       98.00 %
      期末库存（件）     10.67
      有订货的周期     99.59 %
      每次订货件数        4.92

    需求满足率 98.00 % 使下一件缺货的价值为 15.626（在其成本之外）。达到该目标的策略，成本都不低于下界。
    下界: 6.1659

      现有库存（无在途）   订货
      ─────────────────────────
                       0      8
                       2      8
                       4      8
                       6      8
                       8      8
                      10      8
                      12      7
                      14      6
                      16      5
                      18      3
                      20      1
                      22      0
    已写入 shown/preview.svg
    ");
    let told: serde_json::Value = serde_json::from_str(&preview(&["--service", "0.98", "--json"])).unwrap();
    let figures = &told["preview"]["figures"];
    assert!(figures["fill_rate"].as_f64().unwrap() >= 0.98 && figures["exact"] == true, "{told}");
    assert_eq!(told["preview"]["orders"][0][0], 0);
    // Too many states to solve in a moment: simple policies by simulation.
    let large = stdout(dir.path(), &["train", "--env", "lost-sales-l5", "--preview"]);
    assert!(large.contains("by simulation") && large.contains("newsvendor, S = "), "{large}");
}

#[test]
fn a_service_level_is_reached_and_priced() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["train", "--env", "lost-sales-l1", "--service", "0.98"];
    let text = stdout(dir.path(), &args);
    // The bounds of the solver are the processor's last digits.
    let text = text.split_once("optimum are ").unwrap().0.to_owned();
    insta::assert_snapshot!(text, @r"
    lost-sales demand=poisson:5 holding_cost=1 lead_time=1 stockout_cost=4 --service 0.98

    exact is chosen: the model is known and has at most 4,000,000 states

      policy           cost per period   fill rate        gap
      ───────────────────────────────────────────────────────
      solved exactly            5.2245     98.04 %   +0.369 %
      lower bound               5.2053     98.00 %

    A fill rate of 98.00 % makes the next lost unit worth 10.7893, on top of what it costs. No policy that reaches it costs less than the lower bound.
    11 prices were tried


      ─────────────────────────────────────────────
      cost per period                        5.2245
      fill rate                             98.04 %
      stock at the end of a period, units      9.73
      periods with an order                 99.52 %
      units of an order                        4.93

    solved, not learned: bounds on the
    ");
    let learning = ["--algo", "q-learning", "--epochs", "8", "--out", "learned", "--json"];
    let told = json(dir.path(), &[&args[..], &learning].concat());
    let (best, bound) = (&told["service"]["best"], told["service"]["bound"].as_f64().unwrap());
    let cost = best["cost"].as_f64().unwrap();
    assert!(bound <= cost && cost < 1.1 * bound, "{told}");
    assert!(told["learned"]["figures"]["fill_rate"].as_f64().unwrap() >= 0.98, "{told}");
    assert!(dir.path().join("learned/policy.json").is_file());
    let narrow =
        ["train", "--env", "one-warehouse", "warehouse_capacity=2", "retailer_capacity=1", "--service", "0.99"];
    insta::assert_snapshot!(refused(dir.path(), &narrow), @r"
    error: no policy was found that reaches a fill rate of 99.00 %: the best reached 63.21 %

    hint: ask for less with --service, or give the problem more room: capacity, a shorter lead time, a longer shelf life
    ");
}

#[test]
fn flags_that_do_not_fit_say_what_is_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let train = |args: &[&str]| refused(dir.path(), &[&["train", "--env"], args].concat());
    let first = |text: String| text.lines().next().unwrap().to_owned();
    insta::assert_snapshot!(first(train(&["lost-sales", "--stock-band", "9..4", "--band-cost", "1"])), @"error: invalid value '9..4' for '--stock-band <LOW..HIGH>': expected a range of whole units such as 4..20");
    insta::assert_snapshot!(first(train(&["lost-sales", "--service", "98"])), @"error: invalid value '98' for '--service <SHARE>': expected a number above 0 and below 1, such as 0.9");
    assert!(train(&["lost-sales", "--stock-band", "4..9"]).contains("--band-cost"));
    assert!(train(&["lost-sales", "--service", "0.9", "--out", "x", "--resume"]).contains("cannot be used with"));
    let band = ["dual-sourcing", "--stock-band", "500..900", "--band-cost", "1"];
    insta::assert_snapshot!(train(&band), @"error: the stock band begins at 500 units, the problem has room for at most 12");
    let derivative = ["lost-sales", "--stock-band", "4..9", "--band-cost", "1", "--algo", "pathwise"];
    insta::assert_snapshot!(train(&derivative), @"error: pathwise knows the derivative of the costs of lost-sales-v1 alone, not of a stock band, nor of goodwill or a service level where demand waits; use another algorithm such as ppo");
    insta::assert_snapshot!(train(&["lost-sales", "--algo", "ppo", "--hyper", "rate=1"]), @"error: hyper-parameter rate is not known to ppo, expected one of clip, entropy, lambda, learning_rate, n_batch, n_hidden, n_passes");
    insta::assert_snapshot!(train(&["lost-sales", "--algo", "ppo", "--hyper", "clip=7"]), @"error: clip is 7, must be a number from 0.1 to 0.3");
    insta::assert_snapshot!(train(&["lost-sales", "--hyper", "clip=0.2"]), @"error: exact solves and has no hyper-parameters; name another algorithm with --algo, such as ppo");
    insta::assert_snapshot!(train(&["lost-sales", "--hyper", "clip"]), @"error: --hyper clip is no setting, expected KEY=VALUE or a hyper.toml");
}

/// The winner depends on the seed alone, its file is what training takes, and the usual settings may win.
#[test]
fn settings_are_searched_written_and_used() {
    let dir = tempfile::tempdir().unwrap();
    let tune = ["tune", "--env", "lost-sales-l1", "--algo", "q-learning", "--epochs", "1", "--configurations", "4"];
    let seed = |seed: &'static str, others: &[&'static str]| [&tune[..], &["--seed", seed], others].concat();
    let text = stdout(dir.path(), &seed("1", &["--out", "tuned"]));
    insta::assert_snapshot!(text, @r"
    lost-sales demand=poisson:5 holding_cost=1 lead_time=1 stockout_cost=4

    4 settings of q-learning, compared on validation costs

      rung   settings   epochs each   lowest cost               usual settings
      ────────────────────────────────────────────────────────────────────────
         1          4             1         4.053   setting 3           4.0747
         2          2             3         4.045   setting 3      left behind

      settings         validation   cost per period        gap
      ────────────────────────────────────────────────────────
      usual settings       4.0444            4.0409   +0.004 %

    The usual settings win: trained as long, they are as good on validation as the best of the others.
    wrote tuned/hyper.toml
    use it: restock train --env lost-sales-l1 --algo q-learning --hyper tuned/hyper.toml
    ");
    assert_eq!(stdout(dir.path(), &seed("1", &["--out", "tuned"])), text);
    let chart = std::fs::read_to_string(dir.path().join("tuned/tune.svg")).unwrap();
    assert!(chart.contains("usual settings"), "{chart}");
    for number in ["1", "2", "3"] {
        let told = json(dir.path(), &seed(number, &["--json"]));
        let winner = told["tuned"]["search"]["winner"].as_u64().unwrap() as usize;
        let cost = |trial: usize| told["tuned"]["configurations"][trial]["validation_cost"].as_f64().unwrap();
        assert!(cost(winner) <= cost(0), "{told}");
        let file = std::fs::read_to_string(dir.path().join("hyper.toml")).unwrap();
        let table: toml::Table = file.parse().unwrap();
        assert_eq!(table["algorithm"].as_str(), Some("q-learning"));
        assert_eq!(table.len() - 1, told["hyper"].as_object().unwrap().len(), "{file}");
        let train = ["train", "--env", "lost-sales-l1", "--hyper", "hyper.toml", "--epochs", "1", "--json"];
        let trained = json(dir.path(), &[&train[..], &["--seed", number]].concat());
        assert_eq!((&trained["algorithm"], &trained["hyper"]), (&"q-learning".into(), &told["hyper"]));
        // The first epoch of the search is the first epoch of this training.
        let first = &told["tuned"]["configurations"][winner]["curve"][0]["validation_cost"];
        assert_eq!(trained["learned"]["curve"][0]["validation_cost"], *first);
    }
    let other = ["train", "--env", "lost-sales-l1", "--hyper", "hyper.toml", "--algo", "sarsa"];
    insta::assert_snapshot!(refused(dir.path(), &other), @"error: hyper.toml has settings of q-learning, `--algo` says sarsa");
    insta::assert_snapshot!(refused(dir.path(), &["tune", "--env", "lost-sales", "--algo", "exact"]), @"error: exact solves and has no hyper-parameters; name another algorithm with --algo, such as ppo");
    let zh = stdout(dir.path(), &seed("1", &["--lang", "zh-CN"]));
    assert!(zh.contains("默认设置") && zh.contains("验证成本"), "{zh}");
}
