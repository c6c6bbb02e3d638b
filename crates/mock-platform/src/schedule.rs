//! The order of the faults of a route.

use std::collections::VecDeque;

use crate::fault::Fault;

/// The faults of one route: first those with a count, in the order in which they were added, then the one that
/// lasts until the route is healed.
#[derive(Default)]
pub(crate) struct Schedule {
    counted: VecDeque<(usize, Fault)>,
    permanent: Option<Fault>,
}

impl Schedule {
    pub(crate) fn always(&mut self, fault: Fault) {
        self.permanent = Some(fault);
    }

    pub(crate) fn times(&mut self, times: usize, fault: Fault) {
        if times > 0 {
            self.counted.push_back((times, fault));
        }
    }

    /// Returns the fault of the next request, if it has one.
    pub(crate) fn next(&mut self) -> Option<Fault> {
        let Some((left, fault)) = self.counted.front_mut() else {
            return self.permanent.clone();
        };
        *left -= 1;
        if *left > 0 {
            return Some(fault.clone());
        }
        self.counted.pop_front().map(|(_, fault)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_faults_apply_in_order_before_the_permanent_one() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next(), None);
        schedule.always(Fault::Hang);
        schedule.times(2, Fault::Cut);
        schedule.times(0, Fault::NotJson);
        schedule.times(1, Fault::Empty);
        let seen: Vec<_> = std::iter::from_fn(|| schedule.next()).take(5).collect();
        let expected = [Fault::Cut, Fault::Cut, Fault::Empty, Fault::Hang, Fault::Hang];
        assert_eq!(seen, expected);
    }

    #[test]
    fn counted_faults_end() {
        let mut schedule = Schedule::default();
        schedule.times(1, Fault::Cut);
        assert_eq!(schedule.next(), Some(Fault::Cut));
        assert_eq!(schedule.next(), None);
    }
}
