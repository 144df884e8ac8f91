//! Where to keep safety stock in a supply network: the guaranteed-service model (Simpson 1958; Graves & Willems 2000,
//! "Optimizing strategic safety stock placement in supply chains", *MSOM* 2(1)).
//!
//! Every stage j promises its customers a service time Sⱼ and keeps it for all demand up to a bound. With inbound service
//! time SIⱼ, the longest promise of its suppliers, and processing time Tⱼ it has to cover the demand of the net
//! replenishment time τⱼ = SIⱼ + Tⱼ - Sⱼ >= 0 from stock, which takes a safety stock of kⱼ·√τⱼ units, kⱼ = z·σⱼ. Safety
//! stock costs Σ hⱼ·kⱼ·√τⱼ per unit of time; service times are whole periods, those promised to customers have a bound.
//!
//! # Method
//! 1. On trees, the dynamic programme of Graves & Willems (2000): one table per stage, `O(n·M²)` for service times up
//!    to M. Exact.
//! 2. On other acyclic networks, branch and bound in the manner of Humair & Willems (2011, "Optimizing strategic safety
//!    stock placement in general acyclic networks", *Operations Research* 59(3)): a spanning tree keeps its links, the
//!    others are relaxed with Lagrange multipliers, so the tree's dynamic programme gives a lower bound; a violated link
//!    i -> j is branched on as `Sᵢ <= v` or `SIⱼ >= v + 1`. Repair and local search give upper bounds. The result says
//!    which cost is proven: [`Placement::lower_bound`] equals the cost where the search ended, and bounds the optimum
//!    where [`SearchLimits`] ended it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// A stage of a supply network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceStage {
    /// Time from having all inputs to having the output (Tⱼ), periods.
    pub processing_time: usize,
    /// Cost of a unit of safety stock per unit of time (hⱼ), currency.
    pub holding_cost: f64,
    /// Safety stock for a net replenishment time of one period (kⱼ = z·σⱼ), units.
    pub demand_bound: f64,
    /// Longest service time promised to customers, periods; `None` where no customer is promised one.
    pub max_service_time: Option<usize>,
}

/// An acyclic supply network.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceNetwork {
    stages: Vec<ServiceStage>,
    /// `[n_links]`: supplier and customer.
    links: Vec<(usize, usize)>,
    /// `[n_stages]`: suppliers and customers of each stage.
    suppliers: Vec<Vec<usize>>,
    customers: Vec<Vec<usize>>,
    /// Suppliers before customers.
    topological_order: Vec<usize>,
    /// `[n_stages]`: longest total processing time from the sources through the stage, periods.
    max_replenishment_time: Vec<usize>,
}

/// What is wrong with a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceNetworkError {
    /// A link names a stage that does not exist.
    #[error("link {from} -> {to} names a stage that does not exist, there are {n_stages}")]
    UnknownStage {
        /// The supplier's number.
        from: usize,
        /// The customer's number.
        to: usize,
        /// How many stages there are.
        n_stages: usize,
    },
    /// Stages supply each other.
    #[error("stage {stage_idx} is on a cycle of links, a supply network must be acyclic")]
    Cycle {
        /// A stage on or behind the cycle.
        stage_idx: usize,
    },
}

/// When a search on a network that is no tree ends without proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SearchLimits {
    /// Most nodes of the branch-and-bound tree.
    pub n_nodes_max: usize,
    /// Longest wall time; results are reproducible when this does not end the search.
    pub time_max: Duration,
    /// Relative gap that counts as proven.
    pub relative_gap: f64,
}

impl Default for SearchLimits {
    fn default() -> Self {
        Self { n_nodes_max: 2_000, time_max: Duration::from_secs(60), relative_gap: 1e-9 }
    }
}

/// Service times and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// `[n_stages]`: service time promised to customers (S), periods.
    pub service_times: Vec<usize>,
    /// `[n_stages]`: longest service time of suppliers (SI), periods.
    pub inbound_service_times: Vec<usize>,
    /// `[n_stages]`: time covered from stock (τ), periods.
    pub net_replenishment_times: Vec<usize>,
    /// `[n_stages]`: safety stock, units.
    pub safety_stock: Vec<f64>,
    /// Holding cost of all safety stock per unit of time, currency.
    pub cost: f64,
    /// No placement costs less than this.
    pub lower_bound: f64,
    /// Nodes of the branch-and-bound tree; 1 for trees.
    pub n_nodes: usize,
}

impl Placement {
    /// How far the cost may be above the optimum, relative to the cost; 0 where the placement is proven optimal.
    pub fn gap(&self) -> f64 {
        if self.cost > 0.0 { ((self.cost - self.lower_bound) / self.cost).max(0.0) } else { 0.0 }
    }
}

impl ServiceNetwork {
    /// A network of stages and links from supplier to customer; a link given twice counts once.
    ///
    /// # Errors
    /// [`ServiceNetworkError`] when a link names an unknown stage or links form a cycle.
    pub fn new(stages: Vec<ServiceStage>, links: &[(usize, usize)]) -> Result<Self, ServiceNetworkError> {
        let n_stages = stages.len();
        if let Some((from, to)) = links.iter().find(|(from, to)| *from >= n_stages || *to >= n_stages) {
            return Err(ServiceNetworkError::UnknownStage { from: *from, to: *to, n_stages });
        }
        let mut links = links.to_vec();
        links.sort_unstable();
        links.dedup();
        let (mut suppliers, mut customers) = (vec![Vec::new(); n_stages], vec![Vec::new(); n_stages]);
        for (from, to) in &links {
            suppliers[*to].push(*from);
            customers[*from].push(*to);
        }
        let mut n_open: Vec<usize> = suppliers.iter().map(Vec::len).collect();
        let mut topological_order: Vec<usize> = (0..n_stages).filter(|j| n_open[*j] == 0).collect();
        let mut next = 0;
        while next < topological_order.len() {
            for customer in &customers[topological_order[next]] {
                n_open[*customer] -= 1;
                if n_open[*customer] == 0 {
                    topological_order.push(*customer);
                }
            }
            next += 1;
        }
        if let Some(stage_idx) = n_open.iter().position(|n| *n > 0) {
            return Err(ServiceNetworkError::Cycle { stage_idx });
        }
        let mut max_replenishment_time = vec![0; n_stages];
        for j in &topological_order {
            let inbound = suppliers[*j].iter().map(|i| max_replenishment_time[*i]).max().unwrap_or(0);
            max_replenishment_time[*j] = inbound + stages[*j].processing_time;
        }
        Ok(Self { stages, links, suppliers, customers, topological_order, max_replenishment_time })
    }

    /// The stages.
    pub fn stages(&self) -> &[ServiceStage] {
        &self.stages
    }

    /// `[n_links]`: supplier and customer, sorted.
    pub fn links(&self) -> &[(usize, usize)] {
        &self.links
    }

    /// `[n_stages]`: longest total processing time from the sources through each stage, periods.
    pub fn max_replenishment_time(&self) -> &[usize] {
        &self.max_replenishment_time
    }

    fn stage_cost(&self, stage_idx: usize, net_replenishment_time: usize) -> f64 {
        let stage = &self.stages[stage_idx];
        stage.holding_cost * stage.demand_bound * (net_replenishment_time as f64).sqrt()
    }

    /// Longest service time that can make sense: the whole replenishment time, or what customers accept.
    fn service_time_end(&self, stage_idx: usize) -> usize {
        let longest = self.max_replenishment_time[stage_idx];
        self.stages[stage_idx].max_service_time.map_or(longest, |accepted| accepted.min(longest))
    }

    /// The placement of given service times, shortened where a stage promises more than it has to wait itself.
    ///
    /// # Panics
    /// Unless there is a service time for each stage.
    pub fn placement(&self, service_times: &[usize]) -> Placement {
        assert_eq!(service_times.len(), self.stages.len());
        let mut schedule = Schedule::new(self, service_times);
        schedule.shorten();
        schedule.into_placement()
    }

    /// The cheapest placement: exact on trees and wherever the search ends within its limits.
    pub fn optimum(&self, limits: &SearchLimits) -> Placement {
        BranchAndBound::new(self, *limits).run()
    }
}

/// Service times with the inbound times they lead to.
#[derive(Clone, Debug)]
struct Schedule<'a> {
    network: &'a ServiceNetwork,
    service: Vec<usize>,
    inbound: Vec<usize>,
}

impl<'a> Schedule<'a> {
    fn new(network: &'a ServiceNetwork, service_times: &[usize]) -> Self {
        Self { network, service: service_times.to_vec(), inbound: vec![0; service_times.len()] }
    }

    /// Sets inbound times from suppliers' promises and shortens promises to what is possible, sources first.
    fn shorten(&mut self) {
        let network = self.network;
        for j in &network.topological_order {
            let j = *j;
            self.inbound[j] = self.inbound_of(j);
            let longest = self.inbound[j] + network.stages[j].processing_time;
            self.service[j] = self.service[j].min(longest).min(network.service_time_end(j));
        }
    }

    fn inbound_of(&self, j: usize) -> usize {
        self.network.suppliers[j].iter().map(|i| self.service[*i]).max().unwrap_or(0)
    }

    fn cost_of(&self, j: usize) -> f64 {
        self.network.stage_cost(j, self.inbound[j] + self.network.stages[j].processing_time - self.service[j])
    }

    fn cost(&self) -> f64 {
        (0..self.service.len()).map(|j| self.cost_of(j)).sum()
    }

    /// Tries other promises of some stages, keeps them if that is cheaper and possible; only their customers change.
    fn try_promises(&mut self, changes: &[(usize, usize)]) -> bool {
        let network = self.network;
        let mut affected: Vec<usize> = changes.iter().map(|(stage_idx, _)| *stage_idx).collect();
        affected.extend(changes.iter().flat_map(|(stage_idx, _)| &network.customers[*stage_idx]));
        affected.sort_unstable();
        affected.dedup();
        let before: f64 = affected.iter().map(|j| self.cost_of(*j)).sum();
        let kept: Vec<(usize, usize)> = affected.iter().map(|j| (self.service[*j], self.inbound[*j])).collect();
        for (stage_idx, service_time) in changes {
            self.service[*stage_idx] = *service_time;
        }
        for j in &affected {
            self.inbound[*j] = self.inbound_of(*j);
        }
        let possible =
            affected.iter().all(|j| self.service[*j] <= self.inbound[*j] + network.stages[*j].processing_time);
        if possible && affected.iter().map(|j| self.cost_of(*j)).sum::<f64>() < before - 1e-9 * before.abs() {
            return true;
        }
        for (j, (service, inbound)) in affected.iter().zip(kept) {
            (self.service[*j], self.inbound[*j]) = (service, inbound);
        }
        false
    }

    /// Local search: one stage's promise, and all promises of a stage's suppliers together, until nothing is cheaper.
    fn improve(&mut self) {
        let network = self.network;
        loop {
            let mut improved = false;
            for j in network.topological_order.iter().rev().copied() {
                let longest = self.inbound[j] + network.stages[j].processing_time;
                // Costs are concave in a promise between those of other stages, so only these values can be best.
                let mut candidates = vec![0, longest.min(network.service_time_end(j))];
                for k in &network.customers[j] {
                    candidates.extend(network.suppliers[*k].iter().map(|i| self.service[*i]));
                    candidates.push(self.service[*k].saturating_sub(network.stages[*k].processing_time));
                }
                candidates.sort_unstable();
                candidates.dedup();
                for candidate in candidates {
                    if candidate <= longest.min(network.service_time_end(j)) && candidate != self.service[j] {
                        improved |= self.try_promises(&[(j, candidate)]);
                    }
                }
                if network.suppliers[j].len() > 1 {
                    let mut targets: Vec<usize> = network.suppliers[j]
                        .iter()
                        .flat_map(|i| [self.service[*i], self.inbound[*i] + network.stages[*i].processing_time])
                        .chain([0, self.service[j].saturating_sub(network.stages[j].processing_time)])
                        .collect();
                    targets.sort_unstable();
                    targets.dedup();
                    for target in targets {
                        let promise = |i: &usize| {
                            let longest = self.inbound[*i] + network.stages[*i].processing_time;
                            (*i, target.min(longest).min(network.service_time_end(*i)))
                        };
                        let changes: Vec<(usize, usize)> = network.suppliers[j].iter().map(promise).collect();
                        improved |= self.try_promises(&changes);
                    }
                }
            }
            if !improved {
                return;
            }
        }
    }

    fn into_placement(self) -> Placement {
        let stages = &self.network.stages;
        let net_replenishment_times: Vec<usize> =
            (0..stages.len()).map(|j| self.inbound[j] + stages[j].processing_time - self.service[j]).collect();
        let stock = stages.iter().zip(&net_replenishment_times);
        let safety_stock = stock.map(|(stage, time)| stage.demand_bound * (*time as f64).sqrt()).collect();
        let cost = self.cost();
        Placement {
            service_times: self.service,
            inbound_service_times: self.inbound,
            net_replenishment_times,
            safety_stock,
            cost,
            lower_bound: 0.0,
            n_nodes: 0,
        }
    }
}

/// Bounds of the service times of a subproblem, inclusive.
#[derive(Clone, Debug)]
struct Bounds {
    service: Vec<(usize, usize)>,
    inbound: Vec<(usize, usize)>,
}

/// A solution of the tree with other links relaxed.
#[derive(Clone, Debug)]
struct Relaxed {
    value: f64,
    service: Vec<usize>,
    inbound: Vec<usize>,
}

/// A subproblem waiting in the queue, the smallest bound first.
struct Node {
    lower_bound: f64,
    bounds: Bounds,
    multipliers: Vec<f64>,
    /// Order of creation, so that ties do not depend on the heap.
    number: usize,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Node {}
impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Node {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap pops the greatest.
        other.lower_bound.total_cmp(&self.lower_bound).then(other.number.cmp(&self.number))
    }
}

struct BranchAndBound<'a> {
    network: &'a ServiceNetwork,
    limits: SearchLimits,
    /// Links outside the spanning forest.
    relaxed_links: Vec<(usize, usize)>,
    /// Stages, each before its parent, with the parent in the forest and whether it is a customer of the stage.
    forest: Vec<(usize, Option<(usize, bool)>)>,
}

impl<'a> BranchAndBound<'a> {
    fn new(network: &'a ServiceNetwork, limits: SearchLimits) -> Self {
        // Links whose suppliers may make others wait longest bind most often, so the forest keeps them first.
        let mut by_wait = network.links.clone();
        by_wait.sort_by_key(|(from, _)| std::cmp::Reverse(network.max_replenishment_time[*from]));
        let mut root: Vec<usize> = (0..network.stages.len()).collect();
        fn find(root: &mut [usize], mut j: usize) -> usize {
            while root[j] != j {
                root[j] = root[root[j]];
                j = root[j];
            }
            j
        }
        let mut neighbours = vec![Vec::new(); network.stages.len()];
        let mut relaxed_links = Vec::new();
        for (from, to) in by_wait {
            let (a, b) = (find(&mut root, from), find(&mut root, to));
            if a == b {
                relaxed_links.push((from, to));
            } else {
                root[a] = b;
                neighbours[from].push((to, true));
                neighbours[to].push((from, false));
            }
        }
        // A walk from each root; reversed, every stage comes before its parent.
        let mut forest = Vec::new();
        let mut seen = vec![false; network.stages.len()];
        for start in 0..network.stages.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            forest.push((start, None));
            let mut next = forest.len() - 1;
            while next < forest.len() {
                let (parent, _) = forest[next];
                for (child, child_is_customer) in &neighbours[parent] {
                    if !seen[*child] {
                        seen[*child] = true;
                        forest.push((*child, Some((parent, !child_is_customer))));
                    }
                }
                next += 1;
            }
        }
        forest.reverse();
        Self { network, limits, relaxed_links, forest }
    }

    /// The dynamic programme of Graves & Willems (2000) on the forest, with `λ·(Sᵢ - SIⱼ)` added for relaxed links;
    /// `None` when the bounds leave nothing.
    fn solve_forest(&self, bounds: &Bounds, multipliers: &[f64]) -> Option<Relaxed> {
        let network = self.network;
        let n_stages = network.stages.len();
        let (mut service_price, mut inbound_price) = (vec![0.0; n_stages], vec![0.0; n_stages]);
        for ((from, to), multiplier) in self.relaxed_links.iter().zip(multipliers) {
            service_price[*from] += multiplier;
            inbound_price[*to] -= multiplier;
        }
        // Costs that children add to a stage's inbound and service times, from index 0.
        let end = |j: usize| network.max_replenishment_time[j] + 1;
        let mut inbound_costs: Vec<Vec<f64>> = (0..n_stages).map(|j| vec![0.0; end(j)]).collect();
        let mut service_costs: Vec<Vec<f64>> = inbound_costs.clone();
        // For each stage: its best other time, and its best own time, given what its parent fixes.
        let mut best_other: Vec<Vec<u32>> = vec![Vec::new(); n_stages];
        let mut best_own: Vec<Vec<u32>> = vec![Vec::new(); n_stages];
        let mut value = 0.0;
        let mut roots = Vec::new();
        for (j, parent) in &self.forest {
            let j = *j;
            let processing_time = network.stages[j].processing_time;
            let (service_low, service_high) = bounds.service[j];
            let (inbound_low, inbound_high) = bounds.inbound[j];
            let unit = network.stages[j].holding_cost * network.stages[j].demand_bound;
            let roots_of_time: Vec<f64> = (0..end(j)).map(|time| unit * (time as f64).sqrt()).collect();
            // `own` is the time that the link to the parent ties: the service time where the parent is a customer.
            let own_is_service = parent.is_none_or(|(_, parent_is_customer)| parent_is_customer);
            let (own_low, own_high, other_low, other_high) = if own_is_service {
                (service_low, service_high, inbound_low, inbound_high)
            } else {
                (inbound_low, inbound_high, service_low, service_high)
            };
            let mut table = vec![f64::INFINITY; end(j)];
            let mut others = vec![0_u32; end(j)];
            for own in own_low..=own_high.min(end(j) - 1) {
                for other in other_low..=other_high.min(end(j) - 1) {
                    let (service, inbound) = if own_is_service { (own, other) } else { (other, own) };
                    let Some(net) = (inbound + processing_time).checked_sub(service) else { continue };
                    let Some(root) = roots_of_time.get(net) else { continue };
                    let cost = if own_is_service {
                        root + inbound_costs[j][inbound] + inbound_price[j] * inbound as f64
                    } else {
                        root + service_costs[j][service] + service_price[j] * service as f64
                    };
                    if cost < table[own] {
                        (table[own], others[own]) = (cost, other as u32);
                    }
                }
                table[own] += if own_is_service {
                    service_costs[j][own] + service_price[j] * own as f64
                } else {
                    inbound_costs[j][own] + inbound_price[j] * own as f64
                };
            }
            best_other[j] = others;
            match parent {
                None => {
                    let best = (0..table.len()).min_by(|a, b| table[*a].total_cmp(&table[*b]))?;
                    if table[best].is_infinite() {
                        return None;
                    }
                    value += table[best];
                    roots.push((j, best));
                }
                Some((parent, true)) => {
                    // The parent's inbound time is at least this stage's service time: the best up to it.
                    let mut best = 0;
                    best_own[j] = vec![0; end(*parent)];
                    for inbound in 0..end(*parent) {
                        if inbound < table.len() && table[inbound] < table[best] {
                            best = inbound;
                        }
                        inbound_costs[*parent][inbound] += table[best];
                        best_own[j][inbound] = best as u32;
                    }
                }
                Some((parent, false)) => {
                    // This stage's inbound time is at least the parent's service time: the best from there on.
                    let mut best = table.len() - 1;
                    best_own[j] = vec![0; end(*parent)];
                    for service in (0..table.len()).rev() {
                        if table[service] <= table[best] {
                            best = service;
                        }
                        if service < end(*parent) {
                            service_costs[*parent][service] += table[best];
                            best_own[j][service] = best as u32;
                        }
                    }
                }
            }
        }
        let (mut service, mut inbound) = (vec![0; n_stages], vec![0; n_stages]);
        for (j, parent) in self.forest.iter().rev() {
            let j = *j;
            let (own, own_is_service) = match parent {
                None => (roots.iter().find(|root| root.0 == j).expect("a root").1, true),
                Some((parent, true)) => (best_own[j][inbound[*parent]] as usize, true),
                Some((parent, false)) => (best_own[j][service[*parent]] as usize, false),
            };
            let other = best_other[j][own] as usize;
            (service[j], inbound[j]) = if own_is_service { (own, other) } else { (other, own) };
        }
        Some(Relaxed { value, service, inbound })
    }

    /// Raises the bound of a subproblem by subgradient steps on the multipliers (Held, Wolfe & Crowder 1974); every
    /// solution on the way is repaired, improved and offered as incumbent.
    fn bound(&self, node: &mut Node, incumbent: &mut (f64, Vec<usize>), n_steps: usize) -> Option<Relaxed> {
        let mut best: Option<Relaxed> = None;
        let mut multipliers = node.multipliers.clone();
        let mut scale = 1.0;
        let mut n_without_gain = 0;
        for _ in 0..n_steps {
            let relaxed = self.solve_forest(&node.bounds, &multipliers)?;
            let mut schedule = Schedule::new(self.network, &relaxed.service);
            schedule.shorten();
            if schedule.cost() < 1.1 * incumbent.0 {
                schedule.improve();
            }
            let cost = schedule.cost();
            if cost < incumbent.0 {
                *incumbent = (cost, schedule.service);
            }
            let steps: Vec<f64> = self
                .relaxed_links
                .iter()
                .map(|(from, to)| relaxed.service[*from] as f64 - relaxed.inbound[*to] as f64)
                .collect();
            let gained = best.as_ref().is_none_or(|best| relaxed.value > best.value);
            if gained {
                node.multipliers = multipliers.clone();
                n_without_gain = 0;
            } else {
                n_without_gain += 1;
                if n_without_gain >= 5 {
                    scale *= 0.5;
                    n_without_gain = 0;
                }
            }
            let value = relaxed.value;
            if gained {
                best = Some(relaxed);
            }
            let length: f64 =
                steps.iter().zip(&multipliers).map(|(s, m)| if *s < 0.0 && *m == 0.0 { 0.0 } else { s * s }).sum();
            let gap = incumbent.0 - value;
            if length == 0.0 || gap <= self.limits.relative_gap * incumbent.0 || scale < 1e-3 {
                break;
            }
            for (multiplier, step) in multipliers.iter_mut().zip(&steps) {
                *multiplier = (*multiplier + scale * gap / length * step).max(0.0);
            }
        }
        best
    }

    fn run(&self) -> Placement {
        const N_STEPS_ROOT: usize = 200;
        const N_STEPS_BRANCH: usize = 20;
        let begin = Instant::now();
        let network = self.network;
        let n_stages = network.stages.len();
        let service = (0..n_stages).map(|j| (0, network.service_time_end(j))).collect();
        let inbound =
            (0..n_stages).map(|j| (0, network.max_replenishment_time[j] - network.stages[j].processing_time)).collect();
        let mut schedule = Schedule::new(network, &vec![0; n_stages]);
        schedule.shorten();
        schedule.improve();
        let mut incumbent = (schedule.cost(), schedule.service);
        let mut queue = BinaryHeap::from([Node {
            lower_bound: f64::NEG_INFINITY,
            bounds: Bounds { service, inbound },
            multipliers: vec![0.0; self.relaxed_links.len()],
            number: 0,
        }]);
        let (mut n_nodes, mut n_created) = (0, 1);
        // The smallest bound among subproblems that were given up within the allowed gap.
        let mut closed_bound = f64::INFINITY;
        let mut open_bound = f64::INFINITY;
        while let Some(mut node) = queue.pop() {
            let allowed = incumbent.0 * (1.0 - self.limits.relative_gap);
            if node.lower_bound >= allowed {
                closed_bound = closed_bound.min(node.lower_bound);
                continue;
            }
            if n_nodes >= self.limits.n_nodes_max || (n_nodes > 0 && begin.elapsed() >= self.limits.time_max) {
                open_bound = node.lower_bound;
                break;
            }
            let n_steps = if n_nodes == 0 { N_STEPS_ROOT } else { N_STEPS_BRANCH };
            n_nodes += 1;
            let Some(relaxed) = self.bound(&mut node, &mut incumbent, n_steps) else { continue };
            let lower_bound = relaxed.value.max(node.lower_bound);
            if lower_bound >= incumbent.0 * (1.0 - self.limits.relative_gap) {
                closed_bound = closed_bound.min(lower_bound);
                continue;
            }
            for bounds in self.branch(&node, &relaxed) {
                queue.push(Node { lower_bound, bounds, multipliers: node.multipliers.clone(), number: n_created });
                n_created += 1;
            }
        }
        let lower_bound = closed_bound.min(open_bound).min(incumbent.0);
        let mut schedule = Schedule::new(network, &incumbent.1);
        schedule.shorten();
        let mut placement = schedule.into_placement();
        placement.lower_bound = lower_bound.min(placement.cost);
        placement.n_nodes = n_nodes;
        placement
    }

    /// Two subproblems that together hold every placement of this one.
    fn branch(&self, node: &Node, relaxed: &Relaxed) -> Vec<Bounds> {
        let violated = self.relaxed_links.iter().filter(|(from, to)| relaxed.service[*from] > relaxed.inbound[*to]);
        let weight = |(from, to): &&(usize, usize)| relaxed.service[*from] - relaxed.inbound[*to];
        if let Some((from, to)) = violated.max_by_key(weight) {
            let at = relaxed.inbound[*to];
            let (mut short, mut long) = (node.bounds.clone(), node.bounds.clone());
            short.service[*from].1 = at;
            long.inbound[*to].0 = at + 1;
            return vec![short, long];
        }
        // No link is violated, but multipliers of slack links keep the bound below the cost: halve a range.
        let wide = (0..self.network.stages.len()).max_by_key(|j| node.bounds.service[*j].1 - node.bounds.service[*j].0);
        let widest = wide.filter(|j| node.bounds.service[*j].0 < node.bounds.service[*j].1);
        let Some(j) = widest else { return Vec::new() };
        let (low, high) = node.bounds.service[j];
        let middle = relaxed.service[j].clamp(low, high - 1);
        let (mut short, mut long) = (node.bounds.clone(), node.bounds.clone());
        short.service[j].1 = middle;
        long.service[j].0 = middle + 1;
        vec![short, long]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stage(processing_time: usize, holding_cost: f64, max_service_time: Option<usize>) -> ServiceStage {
        ServiceStage { processing_time, holding_cost, demand_bound: 1.0, max_service_time }
    }

    /// All service times, one by one.
    fn enumerate(network: &ServiceNetwork) -> f64 {
        let n_stages = network.stages().len();
        let mut service = vec![0; n_stages];
        let mut best = f64::INFINITY;
        loop {
            best = best.min(network.placement(&service).cost);
            let Some(j) = (0..n_stages).find(|j| service[*j] < network.service_time_end(*j)) else { return best };
            service[..j].fill(0);
            service[j] += 1;
        }
    }

    #[test]
    fn cycles_are_refused() {
        let stages = vec![stage(1, 1.0, None); 3];
        insta::assert_snapshot!(ServiceNetwork::new(stages.clone(), &[(0, 1), (1, 2), (2, 1)]).unwrap_err(), @"stage 1 is on a cycle of links, a supply network must be acyclic");
        insta::assert_snapshot!(ServiceNetwork::new(stages, &[(0, 3)]).unwrap_err(), @"link 0 -> 3 names a stage that does not exist, there are 3");
    }

    /// Trees of Snyder & Shen (2019), chapter 6, with the costs that stockpyl 1.0.2 computes; an external inbound service
    /// time is part of the processing time.
    #[test]
    fn trees_match_snyder_shen() {
        let tree = |rows: &[(usize, f64, f64, Option<usize>)], links: &[(usize, usize)]| {
            let stage = |row: &(usize, f64, f64, Option<usize>)| ServiceStage {
                processing_time: row.0,
                holding_cost: row.1,
                demand_bound: row.2,
                max_service_time: row.3,
            };
            ServiceNetwork::new(rows.iter().map(stage).collect(), links).unwrap()
        };
        let example_6_5 = tree(
            &[
                (3, 1.0, 2_f64.sqrt(), None),
                (1, 2.0, 2_f64.sqrt(), None),
                (1, 3.0, 1.0, Some(0)),
                (1, 3.0, 1.0, Some(1)),
            ],
            &[(0, 1), (1, 2), (1, 3)],
        );
        let problem_6_7 =
            tree(&[(2, 2.0, 40.0, None), (1, 3.0, 40.0, None), (2, 4.0, 40.0, Some(0))], &[(0, 1), (1, 2)]);
        let pooled = 4.0 * 7.433034373659253;
        let problem_6_9 = tree(
            &[
                (7, 0.12054794520547946, 4.0 * 4.1, Some(3)),
                (7, 0.07671232876712329, 4.0 * 6.2, Some(3)),
                (21, 0.049315068493150684, pooled, None),
                (3, 0.0027397260273972603, pooled, None),
                (8, 0.010958904109589041, pooled, None),
                (2, 0.00410958904109589, pooled, None),
            ],
            &[(2, 0), (2, 1), (3, 2), (4, 2), (5, 4)],
        );
        let bound = 16.448536269514722;
        let figure_6_14 = tree(
            &[
                (2, 0.01, bound, None),
                (3, 0.03, bound, None),
                (2, 0.04, bound, None),
                (4, 0.06, bound, None),
                (2, 0.12, bound, None),
                (3, 0.13, bound, None),
                (6, 0.2, bound, None),
                (4, 0.08, bound, None),
                (3, 0.04, bound, None),
                (2, 0.5, bound, Some(2)),
            ],
            &[(0, 1), (1, 2), (2, 4), (3, 4), (4, 5), (5, 9), (6, 9), (7, 9), (8, 9)],
        );
        for (tree, cost) in [
            (example_6_5, 8.277916867529369),
            (problem_6_7, 357.77087639996637),
            (problem_6_9, 15.649530249501026),
            (figure_6_14, 18.824004472592172),
        ] {
            let placement = tree.optimum(&SearchLimits::default());
            assert!((placement.cost - cost).abs() < 1e-9 * cost, "{placement:?}, published {cost}");
            assert_eq!(placement.n_nodes, 1);
            assert!(placement.gap() < 1e-12);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]
        /// Trees and other networks: the optimum is that of full enumeration, and proven.
        #[test]
        fn optimum_is_that_of_enumeration(
            raw in prop::collection::vec((0_usize..3, 0.1_f64..5.0, 0.2_f64..3.0), 2..6),
            arcs in prop::collection::vec((0_usize..5, 0_usize..5), 1..9), accepted in 0_usize..3,
        ) {
            let n_stages = raw.len();
            let links: Vec<(usize, usize)> = arcs.into_iter().filter(|(a, b)| a < b && *b < n_stages).collect();
            let stages = raw.iter().enumerate().map(|(j, (processing_time, holding_cost, demand_bound))| ServiceStage {
                processing_time: *processing_time, holding_cost: *holding_cost, demand_bound: *demand_bound,
                max_service_time: links.iter().all(|(from, _)| *from != j).then_some(accepted),
            });
            let network = ServiceNetwork::new(stages.collect(), &links).unwrap();
            let placement = network.optimum(&SearchLimits::default());
            let best = enumerate(&network);
            prop_assert!((placement.cost - best).abs() <= 1e-6 * (1.0 + best), "{placement:?}, enumerated {best}");
            prop_assert!(placement.gap() <= 2e-9);
            prop_assert_eq!(network.placement(&placement.service_times).cost, placement.cost);
        }
    }
}
