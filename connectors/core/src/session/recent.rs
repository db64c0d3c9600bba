use core::hash::Hash;
use std::collections::{HashMap, VecDeque};

/// The last few keys and what is known of each; the oldest give way.
#[derive(Debug, Clone)]
pub(super) struct Recent<K, V> {
    max: usize,
    known: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Copy + Eq + Hash, V> Recent<K, V> {
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.max(1), known: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.known.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.known.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > self.max
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.known.iter()
    }

    pub(super) fn clear(&mut self) {
        self.known = HashMap::new();
        self.order = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        let mut recent = Recent::new(2);
        for key in [1, 2, 1, 3] {
            recent.insert(key, ());
        }
        assert_eq!([1, 2, 3].map(|key| recent.get(&key).is_some()), [false, true, true]);
        assert_eq!(recent.iter().count(), 2);
    }
}
