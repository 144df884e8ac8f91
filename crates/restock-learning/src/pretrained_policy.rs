//! The pretrained policy: orders for any single item without training, from weights inside the binary.
//!
//! It decides for items with a fixed lead time of up to [`LEAD_TIME_MAX`](crate::any_item::LEAD_TIME_MAX) periods,
//! stationary or cyclic demand of any law, unmet demand that is lost or waits, and no order cost. What it does is in
//! [`crate::relaxed::any_item`]: the order of theory, a correction of the network, bounds of theory. Packs and minimum
//! orders are rounding afterwards ([`in_packs`]): the network knows nothing of them.
//!
//! `models/policy.md` is the card of the weights.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use fearless_simd::{Level, dispatch};
use rayon::prelude::*;
use restock_core::Units;
use restock_core::settings::PolicyWeights;
use restock_inventory::lanes::N_LANES;
use restock_inventory::lanes::network::Activation;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use crate::any_item::{ItemProblem, ItemState};
use crate::network::{LoadedNetwork, Network, Row, Trace};
use crate::pathwise::{PathwiseSettings, Training, ValidationPlan};
use crate::policy::NetworkPolicy;
use crate::pretraining::PretrainingSettings;
use crate::relaxed::AnyItem;
use crate::relaxed::any_item::{self, N_FEATURES, N_STATE_ROWS};

static SHIPPED_BYTES: &[u8] = include_bytes!("../models/policy.safetensors");

static SHIPPED: LazyLock<PretrainedPolicy> = LazyLock::new(|| {
    PretrainedPolicy::from_bytes(SHIPPED_BYTES).expect("shipped weights are whole: a test reads them")
});

/// Blocks that a thread takes at a time.
const BLOCKS_PER_TASK: usize = 16;

/// Why weights cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PolicyWeightsError {
    /// The file is not one of safetensors.
    #[error("weights of a policy cannot be read: {0}")]
    Format(String),
    /// A tensor that is missing, has another type or does not fit the one before.
    #[error("tensor {name:?} of the policy is missing or is not {expected}")]
    Tensor {
        /// Its name.
        name: String,
        /// What it must be.
        expected: String,
    },
}

/// How the policy goes on training on items of one's own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FineTuning {
    /// Steps of 256 paths of 64 periods.
    pub n_steps: u64,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Seed of the chances.
    pub seed: u64,
}

impl Default for FineTuning {
    fn default() -> Self {
        Self { n_steps: 400, learning_rate: 1e-3, seed: 1 }
    }
}

/// A network that decides for any item.
///
/// # Examples
/// ```
/// use restock_learning::PretrainedPolicy;
/// use restock_learning::any_item::{ItemProblem, ItemState, Unmet};
///
/// // Lost sales, lead time 4, demand of 5 ± 3 a period.
/// let item = ItemProblem::from_moments(4, Unmet::Lost, 1.0, 9.0, &[(5.0, 3.0)]).unwrap();
/// let mut state = ItemState { on_hand: 6, ..ItemState::EMPTY };
/// state.pipeline[..3].copy_from_slice(&[5, 4, 6]);
/// let order = PretrainedPolicy::shipped().order(&item, &state);
/// assert!((2..=9).contains(&order), "{order}");
/// ```
#[derive(Clone, Debug)]
pub struct PretrainedPolicy {
    policy: NetworkPolicy,
    loaded: LoadedNetwork,
}

/// Room of a thread for a block.
struct Block {
    state: Vec<Row>,
    trace: Trace,
}

impl PretrainedPolicy {
    /// The policy of a trained network.
    ///
    /// # Panics
    /// Unless the network reads [`N_FEATURES`] features and has one output.
    pub fn new(policy: NetworkPolicy) -> Self {
        assert_eq!((policy.network.n_inputs(), policy.network.n_outputs()), (N_FEATURES, 1));
        let loaded = policy.network.load(&policy.weights);
        Self { policy, loaded }
    }

    /// The policy that comes with Restock.
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// The network and its weights, to go on training from.
    pub fn network(&self) -> &NetworkPolicy {
        &self.policy
    }

    /// What to order, units: never negative, never more than [`ItemProblem::max_order`].
    ///
    /// # Panics
    /// When the state is in a phase that the item does not have.
    pub fn order(&self, item: &ItemProblem, state: &ItemState) -> Units {
        self.orders(&[(item, *state)])[0]
    }

    /// As [`PretrainedPolicy::order`] for many items, on all threads.
    ///
    /// # Panics
    /// As [`PretrainedPolicy::order`].
    pub fn orders(&self, decisions: &[(&ItemProblem, ItemState)]) -> Vec<Units> {
        let mut orders = vec![0; decisions.len()];
        let n_per_task = N_LANES * BLOCKS_PER_TASK;
        let tasks = orders.par_chunks_mut(n_per_task).zip(decisions.par_chunks(n_per_task));
        tasks.for_each(|(orders, decisions)| {
            let mut block = Block { state: vec![Row::ZERO; N_STATE_ROWS], trace: self.policy.network.trace() };
            for (orders, decisions) in orders.chunks_mut(N_LANES).zip(decisions.chunks(N_LANES)) {
                self.decide(&mut block, decisions, orders);
            }
        });
        orders
    }

    /// Decides for up to a block of items.
    fn decide(&self, block: &mut Block, decisions: &[(&ItemProblem, ItemState)], orders: &mut [Units]) {
        let Block { state, trace } = block;
        for lane in 0..N_LANES {
            // Lanes without an item repeat the first.
            let (item, of_item) = decisions.get(lane).unwrap_or(&decisions[0]);
            any_item::set_item(state, lane, item, of_item.phase);
            any_item::set_units(state, lane, item, of_item);
        }
        let level = Level::new();
        dispatch!(level, _ => any_item::features(state, trace.inputs_mut()));
        self.loaded.forward(trace);
        let (mut wanted, mut slopes) = (Row::ZERO, Row::ZERO);
        dispatch!(level, _ => any_item::orders(state, &trace.outputs()[0], &mut wanted, &mut slopes));
        for (lane, (order, (item, state))) in orders.iter_mut().zip(decisions).enumerate() {
            let units = (f64::from(wanted.0[lane]) * item.scale() + 0.5).floor() as Units;
            *order = units.clamp(0, item.max_order(state));
        }
    }

    /// The policy after some steps of training on items of one's own, by the same differentiable simulation.
    ///
    /// # Panics
    /// When there is no item.
    pub fn fine_tuned(&self, items: Vec<ItemProblem>, tuning: &FineTuning) -> Self {
        let relaxed = AnyItem::new(items);
        let mut training = self.fine_tuning(tuning);
        training.run(&relaxed, tuning.n_steps, |_| {});
        Self::new(training.policy(&relaxed))
    }

    /// A training before its first step that goes on from these weights. It validates nothing: whoever runs it compares
    /// policies as suits the items.
    pub fn fine_tuning(&self, tuning: &FineTuning) -> Training {
        let sizes = self.policy.network.sizes();
        let mut settings = PathwiseSettings {
            hidden: sizes[1..sizes.len() - 1].to_vec(),
            seed: tuning.seed,
            n_steps_per_validation: u64::MAX,
            validation: ValidationPlan { n_lanes: N_LANES, n_warm_up: 0, n_periods: 1, seed: 0 },
            ..PretrainingSettings::new(tuning.n_steps, tuning.seed).pathwise
        };
        settings.schedule.learning_rate = tuning.learning_rate;
        settings.schedule.n_warm_up = tuning.n_steps / 10;
        Training::from_weights(settings, self.policy.weights.clone())
    }

    /// Weights as a safetensors file: `layer_0.weights [inputs, outputs]`, `layer_0.biases [outputs]`, ..., in `f32`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut tensors = Vec::new();
        let mut rest = self.policy.weights.as_slice();
        let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
        for (layer_idx, sizes) in self.policy.network.sizes().windows(2).enumerate() {
            let (weights, after) = rest.split_at(sizes[0] * sizes[1]);
            let (biases, after) = after.split_at(sizes[1]);
            rest = after;
            tensors.push((format!("layer_{layer_idx}.weights"), vec![sizes[0], sizes[1]], bytes(weights)));
            tensors.push((format!("layer_{layer_idx}.biases"), vec![sizes[1]], bytes(biases)));
        }
        let views = tensors.iter().map(|(name, shape, bytes)| {
            (name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("bytes of the shape"))
        });
        safetensors::serialize(views, None::<HashMap<String, String>>).expect("tensors of names apart")
    }

    /// Reads what [`PretrainedPolicy::to_bytes`] writes.
    ///
    /// # Errors
    /// [`PolicyWeightsError`] when the bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyWeightsError> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| PolicyWeightsError::Format(error.to_string()))?;
        let values = |name: &str, shape: &[usize]| -> Result<Vec<f32>, PolicyWeightsError> {
            let view = file.tensor(name).ok().filter(|view| view.dtype() == Dtype::F32 && view.shape() == shape);
            let error = || PolicyWeightsError::Tensor { name: name.to_owned(), expected: format!("{shape:?} in f32") };
            let data = view.as_ref().ok_or_else(error)?.data();
            Ok(data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        };
        let (mut sizes, mut weights) = (vec![N_FEATURES], Vec::new());
        for layer_idx in 0..file.len() / 2 {
            let name = format!("layer_{layer_idx}.weights");
            // An empty shape is refused below.
            let outputs = file.tensor(&name).ok().and_then(|view| view.shape().get(1).copied()).unwrap_or_default();
            weights.extend(values(&name, &[sizes[layer_idx], outputs])?);
            weights.extend(values(&format!("layer_{layer_idx}.biases"), &[outputs])?);
            sizes.push(outputs);
        }
        if sizes.len() < 2 || sizes[sizes.len() - 1] != 1 || sizes.contains(&0) {
            let name = format!("layer_{}.weights", sizes.len().saturating_sub(2));
            return Err(PolicyWeightsError::Tensor { name, expected: "of one output".to_owned() });
        }
        Ok(Self::new(NetworkPolicy { network: Network::new(&sizes, Activation::Elu), weights }))
    }

    /// The policy of weights in settings, or the shipped one; the last weights asked for are kept ready.
    ///
    /// # Panics
    /// When the bytes are no weights: settings hold what [`PretrainedPolicy::from_bytes`] has read.
    pub fn of(weights: Option<&PolicyWeights>) -> Option<Arc<Self>> {
        static READY: Mutex<Option<(String, Arc<PretrainedPolicy>)>> = Mutex::new(None);
        let weights = weights?;
        let mut ready = READY.lock().expect("reading weights does not panic elsewhere");
        if let Some((_, policy)) = ready.as_ref().filter(|(sha256, _)| *sha256 == weights.sha256) {
            return Some(Arc::clone(policy));
        }
        let policy = Arc::new(Self::from_bytes(&weights.bytes).expect("weights in settings were read before"));
        *ready = Some((weights.sha256.clone(), Arc::clone(&policy)));
        Some(policy)
    }

    /// These weights as settings hold them.
    pub fn weights(&self) -> PolicyWeights {
        let bytes = self.to_bytes();
        PolicyWeights { sha256: format!("{:x}", Sha256::digest(&bytes)), bytes: bytes.into() }
    }

    /// The SHA-256 of the shipped weights.
    pub fn shipped_sha256() -> String {
        format!("{:x}", Sha256::digest(SHIPPED_BYTES))
    }
}

/// An order in whole packs of at least a minimum: the nearest number of packs, and nothing where less than half of the
/// minimum is wanted. This is rounding: what fewer and larger orders change about later ones is not looked at.
///
/// # Panics
/// When a pack is empty or the minimum is negative.
///
/// # Examples
/// ```
/// use restock_learning::pretrained_policy::in_packs;
/// assert_eq!([2, 3, 10, 14].map(|order| in_packs(order, 6, 0)), [0, 6, 12, 12]);
/// assert_eq!([0, 9, 11, 32].map(|order| in_packs(order, 6, 20)), [0, 0, 24, 30]);
/// ```
pub fn in_packs(order: Units, pack: Units, min_order: Units) -> Units {
    assert!(pack >= 1 && min_order >= 0, "packs of {pack} units, at least {min_order}");
    if 2 * order < min_order {
        return 0;
    }
    let packs = (2 * order + pack) / (2 * pack);
    let least = if order > 0 { (min_order + pack - 1) / pack } else { 0 };
    packs.max(least) * pack
}

#[cfg(test)]
mod tests {
    use restock_inventory::discrete_demand::DiscreteDemand;
    use restock_inventory::environments::lost_sales::LostSalesCosts;
    use restock_inventory::environments::{LostSales, LostSalesState};
    use restock_inventory::exact::{PolicyChain, Settings};
    use restock_inventory::two_moment_fit::TwoMomentFit;

    use super::*;
    use crate::any_item::{ItemGenerator, ItemRange, Unmet};

    #[test]
    fn the_card_states_the_hash_of_the_weights() {
        let words = include_str!("../models/policy.md").split(|c: char| !c.is_ascii_hexdigit());
        let stated = words.into_iter().find(|word| word.len() == 64).unwrap_or_default();
        assert_eq!(PretrainedPolicy::shipped_sha256(), stated);
        assert!(SHIPPED_BYTES.len() < 200_000);
    }

    #[test]
    fn weights_survive_a_file_and_others_are_refused() {
        let shipped = PretrainedPolicy::shipped();
        let read = PretrainedPolicy::from_bytes(&shipped.to_bytes()).unwrap();
        assert_eq!(read.network(), shipped.network());
        assert!(matches!(PretrainedPolicy::from_bytes(b"nonsense"), Err(PolicyWeightsError::Format(_))));
        let data = [0; 8];
        let view = TensorView::new(Dtype::F32, vec![1, 2], &data).unwrap();
        let file = safetensors::serialize(
            [("layer_0.weights", view.clone()), ("layer_0.biases", view)],
            None::<HashMap<String, String>>,
        );
        insta::assert_snapshot!(
            PretrainedPolicy::from_bytes(&file.unwrap()).unwrap_err(),
            @r#"tensor "layer_0.weights" of the policy is missing or is not [37, 2] in f32"#
        );
    }

    /// Random items in random states, far beyond what training visits too.
    fn decisions(items: &[ItemProblem]) -> Vec<(&ItemProblem, ItemState)> {
        let mut random = 7_u64;
        let mut draw = |most: f64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 40) as f64 / (1_u64 << 24) as f64 * most) as Units
        };
        let mut of_item = |item: &ItemProblem| {
            let mut state = ItemState { phase: draw(item.demand().len() as f64) as usize, ..ItemState::EMPTY };
            let wide = if draw(4.0) == 0 { 40.0 } else { 3.0 } * item.scale() + 2.0;
            state.on_hand = draw(wide) - if item.unmet() == Unmet::Waits { draw(wide) } else { 0 };
            for place in 0..item.lead_time().saturating_sub(1) {
                state.pipeline[place] = draw(wide);
            }
            state
        };
        items.iter().map(|item| (item, of_item(item))).collect()
    }

    #[test]
    fn orders_are_within_bounds_whatever_the_state_and_the_company() {
        let items = ItemGenerator { seed: 21, range: ItemRange::ALL }.items(0, 700);
        let decisions = decisions(&items);
        let policy = PretrainedPolicy::shipped();
        let orders = policy.orders(&decisions);
        for ((item, state), order) in decisions.iter().zip(&orders) {
            assert!((0..=item.max_order(state)).contains(order), "{order} in {state:?}");
        }
        assert!(orders.iter().filter(|order| **order > 0).count() > 200);
        // Alone an item gets what it gets among others.
        for (decision, order) in decisions.iter().zip(&orders).step_by(41) {
            assert_eq!(policy.order(decision.0, &decision.1), *order);
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| policy.orders(&decisions)), orders);
    }

    /// Ten times the demand of a nearly continuous law with ten times the stock: ten times the order, up to rounding of
    /// orders and laws to whole units.
    #[test]
    fn orders_are_scale_free() {
        let item = |mean: f64| {
            let law = DiscreteDemand::rounded_gamma(mean, 0.6, (8.0 * mean) as usize);
            ItemProblem::new(5, Unmet::Lost, 1.0, 19.0, vec![law]).unwrap()
        };
        let (small, large) = (item(100.0), item(1_000.0));
        for (on_hand, pipeline) in [(120, [90, 100, 80, 130]), (10, [0, 250, 0, 40]), (400, [100, 100, 0, 0])] {
            let state = |factor: Units| {
                let mut state = ItemState { on_hand: factor * on_hand, ..ItemState::EMPTY };
                state.pipeline[..4].copy_from_slice(&pipeline.map(|units| factor * units));
                state
            };
            let orders = [(&small, state(1)), (&large, state(10))];
            let [small, large] = orders.map(|(item, state)| PretrainedPolicy::shipped().order(item, &state) as f64);
            assert!((large - 10.0 * small).abs() < 20.0 + 0.02 * large, "{small} and {large}");
        }
    }

    /// Exact costs over optima of Zipkin (2008) and Temizöz et al. (2024), zero-shot; on average 0.28 % was the aim.
    #[test]
    fn published_optima_are_nearly_reached() {
        let costs = |stockout_cost: f64| LostSalesCosts { holding_cost: 1.0, stockout_cost, order_cost: 0.0 };
        let poisson = || vec![DiscreteDemand::poisson(5.0, 60)];
        let geometric = || vec![DiscreteDemand::geometric(5.0, 250)];
        let cycle = || {
            let moments = [(3.0, 1.732_051), (4.0, 1.664_101)];
            moments.map(|(mean, deviation)| TwoMomentFit::new(mean, deviation).unwrap().demand()).to_vec()
        };
        for (lead_time, stockout_cost, demand, optimum) in [
            (1, 4.0, poisson(), 4.0407),
            (2, 4.0, poisson(), 4.3953),
            (1, 19.0, poisson(), 6.6758),
            (2, 4.0, geometric(), 10.2402),
            (3, 39.0, cycle(), 7.5799),
        ] {
            let item = ItemProblem::new(lead_time, Unmet::Lost, 1.0, stockout_cost, demand.clone()).unwrap();
            let problem = LostSales::new(lead_time, costs(stockout_cost), demand);
            let order = |state: &LostSalesState| {
                let mut of_item = ItemState { phase: state.phase, on_hand: state.on_hand, ..ItemState::EMPTY };
                of_item.pipeline[..lead_time - 1].copy_from_slice(&state.pipeline[..lead_time - 1]);
                PretrainedPolicy::shipped().order(&item, &of_item)
            };
            let settings = Settings { tolerance: 1e-4, ..Settings::default() };
            let cost = PolicyChain::new(&problem, order).average_cost(&settings).average_cost.unwrap();
            assert!(cost > optimum - 2e-4, "{cost} is below the optimum of {optimum}");
            assert!(cost < 1.01 * optimum, "{cost}, the optimum is {optimum}");
        }
    }

    /// The same steps on any number of threads, and other weights than before.
    #[test]
    fn fine_tuning_does_not_depend_on_threads() {
        let item = ItemProblem::from_moments(3, Unmet::Lost, 1.0, 9.0, &[(5.0, 3.0)]).unwrap();
        let tuning = FineTuning { n_steps: 3, ..FineTuning::default() };
        let tuned = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| PretrainedPolicy::shipped().fine_tuned(vec![item.clone()], &tuning)).network().clone()
        };
        assert_eq!(tuned(1), tuned(3));
        assert_ne!(tuned(1), *PretrainedPolicy::shipped().network());
    }

    /// Where demand waits the best policy is to order up to a level: the projected stock of theory is exact there.
    #[test]
    fn where_demand_waits_the_policy_nearly_orders_up_to_the_level() {
        let item = ItemProblem::from_moments(4, Unmet::Waits, 1.0, 9.0, &[(20.0, 9.0)]).unwrap();
        for (on_hand, pipeline) in [(20, [20, 20, 20]), (-15, [30, 10, 25]), (60, [0, 20, 0])] {
            let mut state = ItemState { on_hand, ..ItemState::EMPTY };
            state.pipeline[..3].copy_from_slice(&pipeline);
            let (order, most) = (PretrainedPolicy::shipped().order(&item, &state), item.max_order(&state));
            // A few per cent of the standard deviation of demand over five periods, 20 units.
            assert!((order - most).abs() <= 2, "{order} units, {most} lift the position to the level");
        }
    }
}
