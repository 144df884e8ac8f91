//! Ids to small numbers.

use rustc_hash::FxHashMap;

/// Numbers ids in the order they are first seen.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    idx_of: FxHashMap<Box<str>, u32>,
    ids: Vec<Box<str>>,
    last: Option<u32>,
    idx_of_whole: FxHashMap<i64, u32>,
}

impl Interner {
    /// The number of an id that was seen before.
    #[inline]
    pub(crate) fn known(&mut self, id: &str) -> Option<u32> {
        if let Some(last) = self.last
            && &*self.ids[last as usize] == id
        {
            return Some(last);
        }
        self.last = Some(*self.idx_of.get(id)?);
        self.last
    }

    /// The number of an id.
    #[inline]
    pub(crate) fn intern(&mut self, id: &str) -> u32 {
        if let Some(last) = self.last
            && &*self.ids[last as usize] == id
        {
            return last;
        }
        let idx = match self.idx_of.get(id) {
            Some(&idx) => idx,
            None => {
                let idx = u32::try_from(self.ids.len()).expect("fewer than 2^32 ids");
                self.ids.push(id.into());
                self.idx_of.insert(id.into(), idx);
                idx
            }
        };
        self.last = Some(idx);
        idx
    }

    /// The number of an id that a file holds as a whole number.
    #[inline]
    pub(crate) fn intern_whole(&mut self, id: i64) -> u32 {
        if let Some(&idx) = self.idx_of_whole.get(&id) {
            return idx;
        }
        let idx = self.intern(&id.to_string());
        self.idx_of_whole.insert(id, idx);
        idx
    }

    /// All ids by number.
    pub(crate) fn ids(&self) -> &[Box<str>] {
        &self.ids
    }

    /// Forgets every id numbered `len` or above.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.ids.truncate(len);
        self.idx_of.retain(|_, idx| (*idx as usize) < len);
        self.idx_of_whole.retain(|_, idx| (*idx as usize) < len);
        self.last = None;
    }

    /// For each number, its place when ids are sorted.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.ids.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.ids[a as usize].cmp(&self.ids[b as usize]));
        let mut ranks = vec![0; order.len()];
        for (rank, &idx) in order.iter().enumerate() {
            ranks[idx as usize] = rank as u32;
        }
        ranks
    }
}
